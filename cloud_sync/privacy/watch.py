"""Watches for events of shoppers who were erased since: such an event stays blank for ever.

A store that was offline sends what it recorded before it heard of an erasure, a shop posts an old
order, a replay reads old rows. All pass here: first when they are received, so that the ledger
never holds what they say, and again when they are folded, in the fold's own transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from msgspec import structs
from psycopg import Connection

from cloud_sync.intake.incoming import Incoming
from cloud_sync.intake.ledger import TAGS, LedgerEvent
from cloud_sync.shoppers.atoms.acts import time_of
from wire.codec import encode_event
from wire.erasures import MARKS_REMEMBERED_MAX, mark_of
from wire.events import Blank, Event
from wire.messages import Batch

# An outbox keeps nothing for so long, whatever its limits: older erasures need no watch.
WATCHED_DAYS = 400
HOUR_US = 3_600_000_000


NEVER = -1


@dataclass(frozen=True, slots=True)
class Gone:
    """The erasures of one tenant: `times` by mark, up to its change number `changes`.

    `known` remembers when identifiers that came lately were erased, or that they never were: it is
    asked for each event, and making a mark costs twenty times as much.
    """

    salt: bytes
    changes: int = 0
    times: Mapping[bytes, int] = field(default_factory=dict)
    known: dict[bytes, int] = field(default_factory=dict)

    def erased_at(self, event: Event) -> int:
        """Return when the shopper of an event was erased last, NEVER for who was not."""
        latest = NEVER
        for each in event.identifiers:
            at = self.known.get(each.value)
            if at is None:
                if len(self.known) >= MARKS_REMEMBERED_MAX:
                    self.known.clear()
                at = self.known[each.value] = self.times.get(mark_of(each, self.salt), NEVER)
            if at > latest:
                latest = at
        return latest


class Watch:
    """Knows who was erased; for several threads, each of which sees whole erasures only.

    Guarantees: what `ask` returns brings all erasures that were committed when the statement of
    `ask` began. Called under a shard's fold lock, no fold that begins after an erasure misses it.
    """

    def __init__(self) -> None:
        self._gone: dict[str, Gone] = {}

    def ask(self, connection: Connection) -> Callable[[], None]:
        """Ask for new erasures, which costs one row a tenant that ever erased somebody."""
        asked = connection.execute("SELECT tenant, salt, changes FROM erasure_tenant")

        def learn() -> None:
            known = self._gone
            held = {tenant: (bytes(salt), changes) for tenant, salt, changes in asked}
            for tenant, (salt, changes) in held.items():
                gone = known.get(tenant)
                # A database that was restored counts fewer, until its erasures are applied again.
                if gone is None or gone.changes != changes or gone.salt != salt:
                    self._gone = {**self._gone, tenant: _read(connection, tenant, salt, changes)}

        return learn

    def hide(self, incoming: Incoming) -> Incoming:
        """Return a message with blank events in the place of those of erased shoppers."""
        gone = self._gone.get(incoming.topic.tenant)
        if gone is None or not isinstance(incoming.message, Batch):
            return incoming
        hidden = {
            index: blank(event)
            for index, event in enumerate(incoming.events)
            if isinstance(event, Event) and event.occurred_at <= gone.erased_at(event)
        }
        if not hidden:
            return incoming
        events = tuple(hidden.get(index, event) for index, event in enumerate(incoming.events))
        return replace(incoming, events=events)

    def knows(self, tenant: str, event: Event) -> bool:
        """Tell whether the shopper of an event was erased since it happened."""
        gone = self._gone.get(tenant)
        return gone is not None and event.occurred_at <= gone.erased_at(event)

    def left(self, connection: Connection, events: Sequence[LedgerEvent]) -> list[LedgerEvent]:
        """Return events to be folded, blank where their shopper was erased, also in the ledger."""
        if not self._gone:
            return list(events)
        kept = []
        for each in events:
            gone = self._gone.get(each.tenant)
            at = NEVER if gone is None else gone.erased_at(each.event)
            if at != NEVER and time_of(each) <= at:
                emptied = structs.replace(each, event=blank(each.event))
                write_blank(connection, emptied)
                kept.append(emptied)
            else:
                kept.append(each)
        return kept


def blank(event: Event) -> Event:
    """Return what is left of an event: that there was one, in which hour, by which clock."""
    return Event(
        occurred_at=event.occurred_at // HOUR_US * HOUR_US,
        mono_ms=0,
        boot=0,
        clock=event.clock,
        device="",
        zone="",
        identifiers=(),
        body=Blank(),
    )


def write_blank(connection: Connection, ledger: LedgerEvent) -> None:
    """Put a blank event in its place in the ledger, under the same stream, seq and checksum."""
    connection.execute(
        "UPDATE ledger SET row = %s, kind = %s, occurred_at = %s"
        " WHERE shard = %s AND position = %s AND day = %s",
        (
            encode_event(ledger.event),
            TAGS[Blank],
            ledger.event.occurred_at,
            ledger.shard,
            ledger.position,
            ledger.day,
        ),
    )


def _read(connection: Connection, tenant: str, salt: bytes, changes: int) -> Gone:
    rows = connection.execute(
        "SELECT mark, max(erased_at) FROM erasure_mark WHERE tenant = %s AND erased_at >"
        " (extract(epoch FROM now() - make_interval(days => %s)) * 1000000)::bigint GROUP BY mark",
        (tenant, WATCHED_DAYS),
    )
    return Gone(salt, changes, {bytes(mark): at for mark, at in rows})
