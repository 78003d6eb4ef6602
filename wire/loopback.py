"""A broker and its links within one process, with the guarantees of real ones and no network."""

import threading
from collections import deque
from collections.abc import Callable

from wire.link import OnDown, OnMessage, OnUp, Will
from wire.topics import matches

# Above this many messages wait for one link, the broker takes no more for it: a QoS 1 publish
# returns False, a QoS 0 message is dropped, as a real broker does.
INBOX_MESSAGES_MAX = 1000

# A link that another one with the same client id has pushed out comes back no sooner than this.
RECONNECT_DELAY_S = 0.02


class LoopbackBroker:
    """Hands messages from link to link.

    Guarantees: messages of one publisher arrive in order; the newest retained message of a topic
    reaches each new subscription; the will is published when a link is dropped, not when it says
    goodbye; retained messages survive `stop`, what is under way does not.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._running = True
        self._retained: dict[str, bytes] = {}
        self._links: dict[str, LoopbackLink] = {}
        self._wills: dict[str, Will] = {}

    @property
    def retained(self) -> dict[str, bytes]:
        """Return a copy of the retained messages by topic."""
        with self.changed:
            return dict(self._retained)

    def stop(self) -> None:
        """Stop as by a power cut: all links lose their connection, no will is published."""
        with self.changed:
            self._running = False  # from here on nothing is published, wills included
            for client_id in list(self._links):
                self._detach(client_id, "the broker stopped")

    def start(self) -> None:
        """Take connections again; the links come back by themselves."""
        with self.changed:
            self._running = True
            self.changed.notify_all()

    def drop(self, client_id: str) -> None:
        """Cut one link's connection, as a failing network does: its will is published."""
        with self.changed:
            self._detach(client_id, "the connection was cut")

    def attach(self, link: "LoopbackLink", will: Will | None) -> bool:
        """Connect a link and hand it what is retained; False while stopped, or the link closes."""
        with self.changed:
            if not self._running or link.closing:
                return False
            self._detach(link.client_id, "another link with this client id came")
            self._links[link.client_id] = link
            if will is not None:
                self._wills[link.client_id] = will
            link.inbox.clear()
            link.up = True
            self.hand_retained(link, link.subscriptions)
            return True

    def leave(self, link: "LoopbackLink") -> None:
        """Disconnect a link that says goodbye: its will is forgotten."""
        with self.changed:
            if self._links.get(link.client_id) is link:
                self._wills.pop(link.client_id, None)
                self._detach(link.client_id, "goodbye")

    def hand_retained(self, link: "LoopbackLink", topic_filters: tuple[str, ...]) -> None:
        """Hand the retained messages of these topics to a link."""
        with self.changed:
            for topic, payload in self._retained.items():
                if any(matches(wanted, topic) for wanted in topic_filters):
                    link.inbox.append((topic, payload))
            self.changed.notify_all()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        """Hand a message to all who subscribed; False if one of them can take no more at QoS 1."""
        with self.changed:
            if not self._running:
                return False
            readers = [link for link in self._links.values() if link.wants(topic)]
            full = [link for link in readers if len(link.inbox) >= INBOX_MESSAGES_MAX]
            if full and qos:
                return False
            if retain and payload:
                self._retained[topic] = payload
            elif retain:
                self._retained.pop(topic, None)
            for link in readers:
                if link not in full:
                    link.inbox.append((topic, payload))
            self.changed.notify_all()
            return True

    def _detach(self, client_id: str, reason: str) -> None:
        link = self._links.pop(client_id, None)
        if link is None:
            return
        link.up = False
        link.down_reason = reason
        will = self._wills.pop(client_id, None)
        if will is not None:
            self.publish(will.topic, will.payload, qos=1, retain=True)
        self.changed.notify_all()


class LoopbackLink:
    """A Link to a LoopbackBroker, with the guarantees of `wire.link.Link`.

    The state below is the broker's to change, under its condition `changed`.
    """

    def __init__(self, broker: LoopbackBroker, client_id: str) -> None:
        self.client_id = client_id
        self.inbox: deque[tuple[str, bytes]] = deque()
        self.subscriptions: tuple[str, ...] = ()
        self.up = False
        self.down_reason = ""
        self._broker = broker
        self.closing = False
        self._thread: threading.Thread | None = None

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
        self.subscriptions = subscriptions
        thread = threading.Thread(
            target=self._run,
            args=(on_message, on_up, on_down, will),
            name=f"loopback {self.client_id}",
            daemon=True,
        )
        thread.start()
        self._thread = thread

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        """Send now; False when the link is down or a reader's inbox is full."""
        with self._broker.changed:
            return self.up and self._broker.publish(topic, payload, qos=qos, retain=retain)

    def subscribe(self, subscriptions: tuple[str, ...]) -> None:
        """Replace the subscriptions, now and after every later connection."""
        with self._broker.changed:
            new = tuple(wanted for wanted in subscriptions if wanted not in self.subscriptions)
            self.subscriptions = subscriptions
            if self.up:
                self._broker.hand_retained(self, new)

    def close(self) -> None:
        """Say goodbye cleanly (no will) and stop; safe to call twice."""
        with self._broker.changed:
            self.closing = True
            self._broker.leave(self)
            self._broker.changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def wants(self, topic: str) -> bool:
        """Tell whether the link subscribed to a topic."""
        return any(matches(wanted, topic) for wanted in self.subscriptions)

    def _run(
        self,
        on_message: OnMessage,
        on_up: OnUp,
        on_down: OnDown,
        will: Callable[[], Will | None],
    ) -> None:
        while not self.closing:
            if not self._broker.attach(self, will()):
                with self._broker.changed:
                    self._broker.changed.wait(RECONNECT_DELAY_S)
                continue
            on_up()
            while (message := self._next()) is not None:
                on_message(*message)
            if not self.closing:
                on_down(self.down_reason)
                with self._broker.changed:
                    self._broker.changed.wait(RECONNECT_DELAY_S)

    def _next(self) -> tuple[str, bytes] | None:
        """Wait for a message; None when the connection is lost."""
        with self._broker.changed:
            while self.up and not self.inbox:
                self._broker.changed.wait()
            return self.inbox.popleft() if self.up else None
