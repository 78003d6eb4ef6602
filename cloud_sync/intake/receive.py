"""Messages of many stores into the database, in one transaction; what is to be answered comes back.

Safe beside another worker that believes it owns the same shard: each stream's row is locked before
its state is read, so that no seq is appended twice.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import msgspec
import psycopg
from psycopg import Connection

from cloud_sync.database import Database, pipelining, retried
from cloud_sync.fleet import twins
from cloud_sync.intake import copying, ledger, quarantine, streams
from cloud_sync.intake.accept import (
    Accepted,
    AcceptedRow,
    AcceptedRows,
    StreamState,
    Unacceptable,
    accept,
    accept_poison,
    frozen,
    listed,
    origins_of,
)
from cloud_sync.intake.copying import LedgerRow, Place, Run
from cloud_sync.intake.incoming import Incoming
from cloud_sync.intake.inserting import FEW_ROWS_MAX
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.intake.quarantine import Poison
from cloud_sync.intake.revisions import Put
from cloud_sync.intake.streams import StreamKey
from wire.codec import BatchHeader, encode_event
from wire.events import Blank, Event, Origin
from wire.messages import Absent, Applied, Batch, Birth, Death, Heartbeat

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a committed transaction leaves to answer.

    `states` of the streams that Batches and Births named, with the nonce of a Birth; `said` are
    the Births and Applieds for the publisher, `gone` the stores that went offline. `events` are
    those appended to each shard, in order; `appended` counts them, `poisoned` what was set aside.
    `greeted` is what was put for stores in which somebody arrived.
    """

    states: Mapping[StreamKey, StreamState]
    nonces: Mapping[StreamKey, bytes]
    said: Sequence[Incoming]
    gone: Sequence[tuple[str, str]]
    events: Mapping[int, Sequence[LedgerEvent]]
    appended: int
    poisoned: int
    greeted: Sequence[Put] = ()


# Asks about live events, and answers those of whom something is known when it is called for.
Greet = Callable[[Connection, Sequence[tuple[StreamKey, Event]]], Callable[[], Sequence[Put]]]


def nobody(
    _connection: Connection, _live: Sequence[tuple[StreamKey, Event]]
) -> Callable[[], Sequence[Put]]:
    """Greet nobody."""
    return tuple


@dataclass(frozen=True, slots=True)
class StoreRows:
    """Rows of one shard with their events, by stream and lane; made while the server stores them.

    Implements `ledger.Rows`.
    """

    parts: list[tuple[StreamKey, bool, AcceptedRows, Sequence[Event]]] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return sum(len(rows) for _, _, rows, _ in self.parts)

    def __iter__(self) -> Iterator[LedgerRow]:
        """Make the rows as the ledger stores them."""
        for key, live, rows, events in self.parts:
            for row, event in zip(rows, events, strict=True):
                yield ledger.store_row(key.tenant, key.store, key.stream, row, event, live=live)

    def packed(self, shard: int, place: Place) -> Iterator[bytes]:
        """Yield the rows as they are copied to a place."""
        if any(rows.origins for _, _, rows, _ in self.parts):
            return copying.packed(shard, place, self)
        return copying.packed_runs(shard, place, self._runs())

    def live(self) -> Iterator[tuple[StreamKey, Event]]:
        """Return the events of the live lane, each with its stream."""
        for key, live, _, events in self.parts:
            if live:
                yield from ((key, event) for event in events)

    def events(self, shard: int, place: Place) -> list[LedgerEvent]:
        """Return the events as the ledger gives them."""
        made: list[LedgerEvent] = []
        positions = count(place.first)
        for key, live, rows, events in self.parts:
            made += [
                LedgerEvent(
                    shard,
                    position,
                    place.day,
                    key.tenant,
                    key.store,
                    ledger.STORE,
                    key.stream,
                    seq,
                    place.accepted_at,
                    live,
                    event,
                )
                for seq, event, position in zip(rows.seqs, events, positions, strict=False)
            ]
        return made

    def _runs(self) -> Iterator[Run]:
        for key, live, rows, events in self.parts:
            yield Run(
                tenant=key.tenant,
                store=key.store,
                source=ledger.STORE,
                stream=key.stream,
                live=live,
                seqs=rows.seqs,
                times=[event.occurred_at for event in events],
                kinds=[ledger.TAGS[type(event.body)] for event in events],
                rows=rows.rows,
                checksums=rows.checksums,
            )


@dataclass(slots=True)
class _Draft:
    """What one transaction has decided so far."""

    now: int
    states: dict[StreamKey, StreamState]
    held: set[Origin]
    remembers: bool
    appended: dict[int, StoreRows] = field(default_factory=dict)
    absent: list[tuple[StreamKey, Absent]] = field(default_factory=list)
    poison: list[Poison] = field(default_factory=list)
    answered: dict[StreamKey, bytes] = field(default_factory=dict)


def receive(
    database: Database, messages: Sequence[Incoming], now: int, greet: Greet = nobody
) -> list[Received]:
    """Store messages, in the order of their arrival; answer only after this has returned.

    Should the database refuse a value, nobody is greeted, and the messages are parted until the one
    at fault is alone and can be set aside.
    """
    if not messages:
        return []
    shard = messages[0].topic.shard
    place = database.pipelined if _are_few(messages) else database.ledger
    try:
        return [retried(lambda: place(shard), lambda c: store(c, messages, now, greet))]
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        if greet is not nobody:
            return receive(database, messages, now)
        if len(messages) > 1:
            half = len(messages) // 2
            return receive(database, messages[:half], now) + receive(database, messages[half:], now)
        poison = _stray(messages[0], f"the database refuses it: {error}", now)
        with database.ledger(shard) as connection:
            quarantine.keep(connection, [poison])
        _log.warning("a message that the database refuses was set aside")
        return []


def store(
    connection: Connection, messages: Sequence[Incoming], now: int, greet: Greet = nobody
) -> Received:
    """Store messages within the caller's transaction."""
    states = streams.lock(connection, _named(messages))
    draft = _Draft(
        now=now,
        states=dict(states),
        held=_held(connection, messages),
        # What this transaction appends is asked for only where rows name an origin.
        remembers=any(incoming.origins for incoming in messages),
    )
    said = []
    for incoming in messages:
        match incoming.message:
            case Batch():
                _take_batch(draft, incoming, incoming.message)
            case Birth():
                draft.answered[_key(incoming, incoming.message.stream)] = incoming.message.nonce
                said.append(incoming)
            case Applied():
                said.append(incoming)
            case None if incoming.header is not None:
                _take_poison(draft, incoming, incoming.header)
            case None:
                draft.poison.append(_stray(incoming, incoming.fault, now))
    gone = _keep_twins(connection, messages, now)
    changed = {key: state for key, state in draft.states.items() if state is not states[key]}
    live = [each for rows in draft.appended.values() for each in rows.live()]
    # All of it goes to the server at once; only the places are waited for.
    with pipelining(connection):
        streams.save(connection, changed, now)
        if draft.absent:
            streams.report_absent(connection, draft.absent, now)
        if draft.poison:
            quarantine.keep(connection, draft.poison)
        answer = greet(connection, live)
        few = ledger.are_few(draft.appended)
        append = ledger.append_few if few else ledger.reserve
        places = append(connection, draft.appended)
        greeted = answer()
    copied = {} if few else places
    packs = {shard: draft.appended[shard].packed(shard, copied[shard]) for shard in copied}
    with ledger.appending(connection, copied, packs):
        events = {shard: draft.appended[shard].events(shard, places[shard]) for shard in places}
    return Received(
        states={key: draft.states[key] for key in draft.answered},
        nonces={key: nonce for key, nonce in draft.answered.items() if nonce},
        said=said,
        gone=gone,
        events=events,
        appended=sum(map(len, events.values())),
        poisoned=len(draft.poison),
        greeted=greeted,
    )


def _are_few(messages: Sequence[Incoming]) -> bool:
    """Tell whether these are Batches that a transaction without COPY can take."""
    batches = [each.message for each in messages if isinstance(each.message, Batch)]
    rows = sum(len(batch.rows) for batch in batches)
    return rows <= FEW_ROWS_MAX and len(batches) == len(messages)


def _named(messages: Iterable[Incoming]) -> set[StreamKey]:
    keys = set()
    for incoming in messages:
        match incoming.message:
            case Batch() | Birth():
                keys.add(_key(incoming, incoming.message.stream))
                keys |= {_key(incoming, stream) for stream in origins_of(incoming.origins.values())}
            case None if incoming.header is not None:
                keys.add(_key(incoming, incoming.header.stream))
    return keys


def _held(connection: Connection, messages: Iterable[Incoming]) -> set[Origin]:
    held: set[Origin] = set()
    for incoming in messages:
        if origins := incoming.origins:
            topic = incoming.topic
            held |= ledger.held(
                connection, topic.shard, topic.tenant, topic.store, list(origins.values())
            )
    return held


def _take_batch(draft: _Draft, incoming: Incoming, batch: Batch) -> None:
    key = _key(incoming, batch.stream)
    try:
        accepted = accept(draft.states[key], batch, incoming.origins, draft.held)
    except Unacceptable as error:
        draft.poison.append(_stray(incoming, str(error), draft.now))
        return
    _settle(draft, key, accepted)
    if draft.remembers:
        draft.held |= {
            row.origin or Origin(key.stream, row.seq, row.checksum) for row in accepted.rows
        }
    rows, events = _sound(draft, key, batch.first, accepted.rows, incoming.events)
    if rows:
        shard = draft.appended.setdefault(key.shard, StoreRows())
        shard.parts.append((key, batch.lane == "live", rows, events))


def _sound(
    draft: _Draft, key: StreamKey, first: int, rows: AcceptedRows, read: Sequence[Event | str]
) -> tuple[AcceptedRows, Sequence[Event]]:
    """Return accepted rows with their events, `read` from seq `first` on; what is none is poison.

    The row of an event that was made blank says no more than that; the chain knows it as before.
    """
    told = read if len(rows) == len(read) else [read[seq - first] for seq in rows.seqs]
    events = [each for each in told if isinstance(each, Event)]
    bodies = [type(event.body) for event in events]
    if len(events) == len(rows) and Blank not in bodies:
        return rows, events
    kept: list[AcceptedRow] = []
    for row, each in zip(rows, told, strict=True):
        if isinstance(each, str):
            draft.poison.append(_poisoned(key, row, each, draft.now))
        elif type(each.body) is Blank:
            kept.append(msgspec.structs.replace(row, row=encode_event(each)))
        else:
            kept.append(row)
    return listed(kept), events


def _poisoned(key: StreamKey, row: AcceptedRow, reason: str, now: int) -> Poison:
    return Poison(
        shard=key.shard,
        tenant=key.tenant,
        store=key.store,
        stream=key.stream,
        first=row.seq,
        count=1,
        part="event",
        reason=reason,
        payload=row.row,
        checksum=row.checksum,
        quarantined_at=now,
    )


def _take_poison(draft: _Draft, incoming: Incoming, header: BatchHeader) -> None:
    key = _key(incoming, header.stream)
    state = draft.states[key]
    try:
        accepted = accept_poison(state, header.first, header.count, header.before, header.absent)
    except Unacceptable as error:
        draft.poison.append(_stray(incoming, str(error), draft.now))
        return
    _settle(draft, key, accepted)
    if accepted.state.ranges == state.ranges:
        return
    draft.poison.append(
        Poison(
            shard=key.shard,
            tenant=key.tenant,
            store=key.store,
            stream=key.stream,
            first=header.first,
            count=header.count,
            part="body",
            reason=incoming.fault,
            payload=incoming.payload,
            quarantined_at=draft.now,
        )
    )


def _settle(draft: _Draft, key: StreamKey, accepted: Accepted) -> None:
    draft.states[key] = accepted.state
    draft.answered.setdefault(key, b"")
    draft.absent += ((key, gone) for gone in accepted.absent)
    for stream in accepted.freeze:
        other = StreamKey(key.shard, key.tenant, key.store, stream)
        draft.states[other] = frozen(draft.states[other])


def _keep_twins(
    connection: Connection, messages: Iterable[Incoming], now: int
) -> list[tuple[str, str]]:
    gone = []
    for incoming in messages:
        tenant, store = incoming.topic.tenant, incoming.topic.store
        match incoming.message:
            case Birth():
                twins.born(connection, tenant, store, incoming.message, now)
            case Death():
                if twins.died(connection, tenant, store, incoming.message, now):
                    gone.append((tenant, store))
            case Heartbeat():
                twins.beat(connection, tenant, store, incoming.message, now)
    return gone


def _key(incoming: Incoming, stream: bytes) -> StreamKey:
    return StreamKey(incoming.topic.shard, incoming.topic.tenant, incoming.topic.store, stream)


def _stray(incoming: Incoming, reason: str, now: int) -> Poison:
    topic = incoming.topic
    return quarantine.stray(topic.shard, topic.tenant, topic.store, incoming.payload, reason, now)
