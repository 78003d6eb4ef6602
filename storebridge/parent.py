"""Child processes that do not outlive the process that started them."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

# Its parent sets this for a child, and holds the other end of the child's standard input.
FOLLOWS_PARENT = "STOREBRIDGE_FOLLOWS_PARENT"
# Read by number: a buffered reader would be locked by the waiting thread when the program ends.
STANDARD_INPUT = 0
ASKS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def when_asked_to_end(end: Callable[[], None]) -> None:
    """Call `end` once on Ctrl-C, on SIGTERM, or when our terminal or parent is gone.

    To be called from the main thread. A parent that is killed can say nothing, but its end of our
    standard input closes.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)
    # A handler of Python's runs in the main thread alone: a signal that comes just before that
    # thread waits for a lock, or that another thread is given, would wake nobody. The interpreter
    # writes its number here in any case.
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for each in ASKS:
        signal.signal(each, _do_nothing_more)

    def listen() -> None:
        while os.read(heard, 1)[0] not in ASKS:
            pass
        end()

    threading.Thread(target=listen, name="end", daemon=True).start()
    if os.environ.get(FOLLOWS_PARENT):

        def follow() -> None:
            while os.read(STANDARD_INPUT, 64):
                pass
            os.write(told, bytes([signal.SIGTERM]))

        threading.Thread(target=follow, name="parent", daemon=True).start()


def asked_to_end() -> threading.Event:
    """Return what is set when this program is asked to end; see `when_asked_to_end`."""
    ended = threading.Event()
    when_asked_to_end(ended.set)
    return ended


def _do_nothing_more(signum: int, frame: FrameType | None) -> None:
    """Take the place of what would end the process at once."""
