"""What waits between the thread that reads a socket and the thread that calls the handlers."""

import threading
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Came:
    """A message came; `mid` is its number for the broker's acknowledgement, if `qos` is 1."""

    topic: str
    payload: bytes
    mid: int
    qos: int


@dataclass(frozen=True, slots=True)
class Up:
    """The connection stands, and so do its subscriptions."""


class Inbox:
    """A queue with a limit and an end.

    Guarantees: items leave in the order they came; `put` waits while `size_max` items are inside,
    so that the reader of the socket holds back; after `end` nothing waits any more.
    """

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._items: deque[Came | Up] = deque()
        self._ended = False
        self._changed = threading.Condition()

    def put(self, item: Came | Up) -> None:
        """Add an item, as soon as there is room; after the end it is dropped."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self._items) < self._size_max)
            if not self._ended:
                self._items.append(item)
            self._changed.notify_all()

    def take(self) -> Came | Up | None:
        """Take the oldest item, as soon as there is one; None after the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or bool(self._items))
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return item

    def end(self) -> None:
        """Let nothing more in; what is inside can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
