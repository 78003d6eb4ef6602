"""The seam between our code and a message broker, and its double that needs no network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Will:
    """What the broker publishes, retained, when the connection ends without a goodbye."""

    topic: str
    payload: bytes


class LinkError(Exception):
    """The link cannot be opened as configured: a refused login, an unreadable certificate."""


OnMessage = Callable[[str, bytes], None]
OnUp = Callable[[], None]
OnDown = Callable[[str], None]


class Link(Protocol):
    """A connection to a broker that comes back by itself.

    Guarantees:
    - handlers are called from one thread of the link, one at a time, and may block it;
    - `on_up` is called after each connection, once its subscriptions stand; `on_down` with the
      reason, once each time it is lost;
    - a handler's return acknowledges a QoS 1 message to the broker, nothing earlier does;
    - nothing is kept for later: `publish` says False when it cannot send now.
    """

    def open(
        self,
        *,
        subscriptions: tuple[str, ...],
        on_message: OnMessage,
        on_up: OnUp,
        on_down: OnDown,
        will: Callable[[], Will | None],
    ) -> None:
        """Begin to connect, and return at once; `will` is asked anew before each connection."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        """Send now; False when the link is down or its window is full."""

    def subscribe(self, subscriptions: tuple[str, ...]) -> None:
        """Replace the subscriptions, now and after every later connection."""

    def close(self) -> None:
        """Say goodbye cleanly (no will) and stop; safe to call twice."""

    @property
    def up(self) -> bool:
        """Tell whether the link is connected and subscribed."""
        ...
