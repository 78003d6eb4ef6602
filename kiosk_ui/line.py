"""The line between store and headquarters, as screens tell it: up, away since, or never seen up."""

import threading
from dataclasses import dataclass
from typing import Literal

from kiosk_ui.texts import Words

LineState = Literal["up", "away", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How the line is; `up_at` is when it was last seen up, from which what is shown dates."""

    state: LineState
    up_at: int = 0

    def text(self, words: Words, at: int) -> str:
        """Return the quiet notice of it."""
        return words(f"line.{self.state}", age=words.age(max(0, at - self.up_at) / 1_000_000))


class LineWatch:
    """Remembers when the line was last seen up.

    It is looked at with each page and each heartbeat of an open one; the age that is shown is
    never less than the true one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._up_at = 0

    def look(self, *, up: bool, at: int) -> Line:
        """Note how the line is now, and return what to say of it."""
        with self._lock:
            if up:
                self._up_at = at
            if not self._up_at:
                return Line(state="never")
            return Line(state="up" if up else "away", up_at=self._up_at)
