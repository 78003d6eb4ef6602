"""Free TCP ports of this machine."""

import socket
import time
from collections.abc import Callable


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


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
