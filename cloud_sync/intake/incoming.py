"""A message as it came from the link, decoded as far as it can be, before any lock is held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from wire.codec import (
    BatchHeader,
    DecodeError,
    decode,
    decode_event,
    decode_events,
    decode_header,
)
from wire.events import Event, Origin
from wire.messages import Applied, Batch, Birth, Death, Heartbeat, Message
from wire.topics import Topic, TopicKind, parse_topic

# PostgreSQL's bigint: a greater number in a message is nothing that a store counted.
NUMBER_MAX = 2**63 - 1
BELONGS: dict[TopicKind, tuple[type[Message], ...]] = {
    "up": (Batch,),
    "state": (Birth, Death),
    "beat": (Heartbeat,),
    "applied": (Applied,),
    "down": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message with its address.

    Of a Batch, `events` gives each row's event, or in words why there is none, and `origins` those
    of the rows that were recorded again, by seq. A Batch whose rows
    cannot be told apart has a `header` and no message. What is neither has only the `fault`.
    """

    topic: Topic
    payload: bytes
    message: Message | None = None
    header: BatchHeader | None = None
    events: tuple[Event | str, ...] = ()
    origins: Mapping[int, Origin] = field(default_factory=dict)
    fault: str = ""

    @property
    def names_somebody(self) -> bool:
        """Tell whether an event names a shopper, who may wait for what follows from it."""
        return any(isinstance(each, Event) and each.identifiers for each in self.events)


def take_apart(topic: str, payload: bytes) -> Incoming:
    """Decode what came on a topic, as far as it can be.

    Raises TopicError when the topic itself is none of the wire.
    """
    address = parse_topic(topic)
    try:
        message = decode(payload)
    except DecodeError as error:
        return _poison(address, payload, str(error))
    if not isinstance(message, BELONGS[address.kind]):
        fault = f"a {type(message).__name__} does not belong on an {address.kind!r} topic"
        return Incoming(topic=address, payload=payload, fault=fault)
    fault = _number_fault(message)
    if fault:
        return Incoming(topic=address, payload=payload, fault=fault)
    if not isinstance(message, Batch):
        return Incoming(topic=address, payload=payload, message=message)
    events, origins = _read(message)
    return Incoming(topic=address, payload=payload, message=message, events=events, origins=origins)


def read_event(row: bytes) -> Event | str:
    """Decode a row, or say in words why it cannot be accepted."""
    try:
        event = decode_event(row)
    except DecodeError as error:
        return str(error)
    if not 0 <= event.occurred_at <= NUMBER_MAX:
        return f"occurred_at {event.occurred_at} is no time in µs UTC"
    origin = event.origin
    if origin is not None and not (0 < origin.seq <= NUMBER_MAX and 0 <= origin.checksum < 2**32):
        return "the origin's seq or checksum is out of range"
    return event


def _read(batch: Batch) -> tuple[tuple[Event | str, ...], Mapping[int, Origin]]:
    """Decode a Batch's rows at once, or one by one where any needs a closer look."""
    try:
        decoded = decode_events(batch.rows)
    except DecodeError:
        decoded = []
    if decoded and _are_plain(decoded):
        return tuple(decoded), {}
    events = tuple(map(read_event, batch.rows))
    origins = {
        seq: event.origin
        for seq, event in enumerate(events, batch.first)
        if not isinstance(event, str) and event.origin is not None
    }
    return events, origins


def _are_plain(events: Sequence[Event]) -> bool:
    """Tell whether all are in their first stream, and at a time that a column holds."""
    times = [event.occurred_at for event in events]
    return (
        min(times) >= 0
        and max(times) <= NUMBER_MAX
        and not any([event.origin is not None for event in events])  # noqa: C419 (twice as fast)
    )


def _poison(topic: Topic, payload: bytes, fault: str) -> Incoming:
    if topic.kind != "up":
        return Incoming(topic=topic, payload=payload, fault=fault)
    try:
        header = decode_header(payload)
    except DecodeError:
        return Incoming(topic=topic, payload=payload, fault=fault)
    return Incoming(topic=topic, payload=payload, header=header, fault=fault)


def _number_fault(message: Message) -> str:
    for name, value in msgspec.structs.asdict(message).items():
        if isinstance(value, int) and not -NUMBER_MAX <= value <= NUMBER_MAX:
            return f"{name} of the {type(message).__name__} is out of range"
    return ""
