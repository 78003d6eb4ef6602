"""Free TCP ports of this machine."""

import random
import socket
import time
from collections.abc import Callable

# Below what Linux gives to outgoing connections (ip_local_port_range begins at 32,768): one of
# those could take the port before whoever asked for it listens.
PORTS = range(20_000, 32_000)
TRIES_MAX = 100

_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on at this moment, and another one each time.

    Raises OSError when none of TRIES_MAX is free.
    """
    for _ in range(TRIES_MAX):
        port = random.choice(PORTS)  # noqa: S311 (so that two programs rarely draw the same)
        if port not in _given and not _is_taken(host, port):
            _given.add(port)
            return port
    raise OSError(f"no free port was found among {TRIES_MAX} from {PORTS.start} to {PORTS.stop}")


def wait_until_open(
    host: str, port: int, *, timeout_s: float, alive: Callable[[], bool] = lambda: True
) -> bool:
    """Tell whether somebody listens on the port before the time-out, or before it is not alive."""
    ends = time.monotonic() + timeout_s
    while alive() and time.monotonic() < ends:
        try:
            with socket.create_connection((host, port), timeout=0.5):
                return True
        except OSError:
            time.sleep(0.02)
    return False


def _is_taken(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return True
        return False
