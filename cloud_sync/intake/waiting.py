"""Messages between the link's thread and the worker's loop: two lanes, both bounded."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

# Enough under way that a store goes on sending while its last Batches are stored and folded; they
# are some 50 KB, which a live event on a thin line may find before it.
CREDIT_MAX = 24
# Nobody named by a live event for so long, and the back lane gets the whole turn.
QUIET_S = 1.0

Message = tuple[str, bytes]


def is_backlog(topic: str) -> bool:
    """Tell whether a message of this topic belongs to the back lane."""
    return topic.endswith("/back")


def is_live(topic: str) -> bool:
    """Tell whether a message of this topic brings live events, which may name somebody.

    Births and heartbeats go before a backlog, too, but nobody waits for what follows from them.
    """
    return topic.endswith("/live")


class Waiting:
    """Messages that have come and are not stored yet; losing them costs a repeat, no event.

    A full lane makes the link's thread wait, and the broker and the stores with it; after
    `full_wait_s_max` the message is dropped, since its store will send it again.
    """

    def __init__(
        self,
        *,
        live_max: int,
        back_max: int,
        full_wait_s_max: float,
        on_live: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_live` is called, in the link's thread, when a message of the live lane has come."""
        self._room = {False: live_max, True: back_max}
        self._lanes: dict[bool, deque[Message]] = {False: deque(), True: deque()}
        self._changed = threading.Condition()
        self._full_wait_s_max = full_wait_s_max
        self._on_live = on_live
        self._live_at = float("-inf")
        self._closed = False
        self.dropped = 0

    def put(self, topic: str, payload: bytes) -> None:
        """Let a message wait; called by the link."""
        is_back = is_backlog(topic)
        lane = self._lanes[is_back]
        with self._changed:
            self._changed.wait_for(
                lambda: len(lane) < self._room[is_back] or self._closed, self._full_wait_s_max
            )
            if len(lane) >= self._room[is_back]:
                self.dropped += 1
                return
            lane.append((topic, payload))
            self._changed.notify_all()
            if not is_back:
                self._on_live()

    def take(
        self, *, live_max: int, back_busy: int, back_quiet: int, timeout_s: float
    ) -> list[Message]:
        """Take messages, the live lane first; wait up to `timeout_s` for the first.

        Of the back lane come at most `back_busy`, or `back_quiet` when nobody waits for an answer.
        """
        wanted = [self._lanes[False], *([self._lanes[True]] if back_busy else [])]
        with self._changed:
            self._changed.wait_for(lambda: any(wanted) or self._closed, max(timeout_s, 0))
            live = self._from(False, live_max)
            quiet = time.monotonic() - self._live_at > QUIET_S and not _any_live(live)
            back = self._from(True, back_quiet if quiet else back_busy)
            self._changed.notify_all()
        return live + back

    def hurry(self) -> None:
        """Take note that a live event named somebody, who may stand at a screen."""
        with self._changed:
            self._live_at = time.monotonic()

    def quiet_s(self) -> float:
        """Return for how long no live event has named anybody; 0 when one that waits may do so."""
        with self._changed:
            return 0.0 if _any_live(self._lanes[False]) else time.monotonic() - self._live_at

    def credit(self) -> int:
        """Return how many back-lane Batches a store may have under way, as much as there is room.

        Never 0: a store without credit could only learn by its next live Batch that there is some.
        """
        with self._changed:
            waiting = self._lanes[True]
            stores = len({topic for topic, _ in waiting})
            room = self._room[True] - len(waiting)
        return max(1, min(CREDIT_MAX, room // (stores + 1)))

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _from(self, is_back: bool, count: int) -> list[Message]:
        lane = self._lanes[is_back]
        return [lane.popleft() for _ in range(min(count, len(lane)))]


def _any_live(messages: Iterable[Message]) -> bool:
    return any(is_live(topic) for topic, _ in messages)
