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


def when_asked_to_end(end: Callable[[], None]) -> None:
    """Call `end` once on Ctrl-C, on SIGTERM, or when the parent that started us is gone.

    A parent that is killed can say nothing, but its end of our standard input closes.
    """
    asked = threading.Lock()

    def ask(signum: int = 0, frame: FrameType | None = None) -> None:
        del signum, frame
        if asked.acquire(blocking=False):
            threading.Thread(target=end, name="end", daemon=True).start()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    if os.environ.get(FOLLOWS_PARENT):

        def follow() -> None:
            while os.read(STANDARD_INPUT, 64):
                pass
            ask()

        threading.Thread(target=follow, name="parent", daemon=True).start()
