"""Events as a web shop or an app posts them: JSON in, events out, or every wrong field named.

    {"events": [{
        "event_id": "7f9c…",                         1 to 64 characters, unique for the source
        "kind": "viewed",                            a key of EVENT_KINDS
        "occurred_at": "2026-11-22T12:00:00Z",       ISO 8601 with its offset, or µs since 1970
        "identifiers": [{"kind": "web", "value": "c0ffee"}],
        "brand": "maru",                             optional
        "body": {"product": "6901234567892"}         the fields of the kind
    }]}

Identifiers arrive plain and are keyed here, before anything is stored. One that names nobody, such
as zeros or a placeholder, is left out of its event and named in the answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from wire.codec import EncodeError, encode_event
from wire.events import EVENT_KINDS, AnyBody, Clock, Event
from wire.identifiers import Identifier, IdentifierError, JunkError, key_identifier

EVENTS_PER_POST_MAX = 1_000
POST_BYTES_MAX = 2_000_000
EVENT_ID_CHARS_MAX = 64
IDENTIFIERS_MAX = 8
TEXT_CHARS_MAX = 200
FUTURE_S_MAX = 600
WRONG_FIELDS_MAX = 20
# Above this not every reader of JSON keeps a number as it is (RFC 8259, section 6).
WHOLE_MAX = 2**53 - 1

# What only a store can have seen; a web shop that posts it is mistaken.
KINDS_OF_STORES_ALONE = frozenset(
    {"dwell", "door", "stock_counted", "device_health", "acted", "scan", "erased", "blank"}
)

# What the cloud itself records when it is asked for it, and how it is asked.
ASKED_FOR = {"points_spent": "POST /v1/points/spend"}


@dataclass(frozen=True, slots=True)
class WrongField:
    """One thing that is wrong with a post: where it stands and what was expected."""

    field: str
    message: str


class PostRefusedError(ValueError):
    """A post is refused whole; `wrong` lists its faults, the first 20 of them."""

    def __init__(self, wrong: Sequence[WrongField]) -> None:
        self.wrong = tuple(wrong)
        super().__init__("; ".join(f"{each.field}: {each.message}" for each in wrong[:3]))


@dataclass(frozen=True, slots=True)
class PostedEvent:
    """An event with the id that its source gave it; `ignored` are identifiers that name nobody."""

    event_id: str
    event: Event
    ignored: tuple[WrongField, ...] = ()


def parse_post(payload: bytes, *, source: str, key: bytes, now: int) -> list[PostedEvent]:
    """Turn the body of a post into events.

    `source` names the channel and becomes the events' device; `key` is the tenant's identifier
    key; `now` the time of arrival (µs UTC).

    Raises PostRefusedError, which names every wrong field: a post is accepted whole or not at all.
    """
    if len(payload) > POST_BYTES_MAX:
        raise _refused("$", f"a post has at most {POST_BYTES_MAX} bytes; send it in parts")
    try:
        parsed = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused("$", f"not JSON: {error}") from error
    if not isinstance(parsed, dict) or not isinstance(parsed.get("events"), list):
        raise _refused("events", 'expected an object of the form {"events": [...]}')
    listed = parsed["events"]
    if not 1 <= len(listed) <= EVENTS_PER_POST_MAX:
        raise _refused("events", f"expected 1 to {EVENTS_PER_POST_MAX} events, got {len(listed)}")
    wrong: list[WrongField] = []
    events: list[PostedEvent] = []
    for index, item in enumerate(listed):
        reading = _Reading(f"events[{index}]", wrong)
        event = reading.event(item, source=source, key=key, now=now)
        if event is not None:
            events.append(event)
        if len(wrong) >= WRONG_FIELDS_MAX:
            break
    if wrong:
        raise PostRefusedError(wrong)
    return events


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a channel's payload was made into: one event, its identifiers still plain.

    `identifiers` are (kind, plain) pairs; `at` is µs UTC.
    """

    event_id: str
    at: int
    body: AnyBody
    identifiers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    brand: str = ""


def keyed_event(told: Told, *, source: str, key: bytes, now: int) -> PostedEvent:
    """Key the identifiers of an event that a channel told, and check it as a posted one is.

    Raises PostRefusedError.
    """
    wrong: list[WrongField] = []
    reading = _Reading("", wrong)
    event = told_at(
        reading.time(told.at, now),
        source,
        reading.identifiers(
            [{"kind": kind, "value": plain} for kind, plain in told.identifiers], key
        ),
        told.body,
        told.brand[:TEXT_CHARS_MAX],
    )
    event_id = reading.text({"event_id": told.event_id}, "event_id", EVENT_ID_CHARS_MAX)
    try:
        encode_event(event)
    except EncodeError as error:
        raise _refused("$", str(error)) from error
    if wrong:
        raise PostRefusedError(wrong)
    return PostedEvent(event_id, event)


def told_at(
    at: int, source: str, identifiers: Sequence[Identifier], body: AnyBody, brand: str = ""
) -> Event:
    """Make an event of a channel, which has no device or zone, by a clock that is right.

    `source` names the channel; `at` is µs UTC.
    """
    return Event(
        occurred_at=at,
        mono_ms=0,
        boot=0,
        clock=Clock.SYNCED,
        device=source,
        zone="",
        identifiers=tuple(identifiers),
        body=body,
        brand=brand,
    )


def _refused(where: str, message: str) -> PostRefusedError:
    return PostRefusedError([WrongField(where, message)])


class _Reading:
    """Reads one posted event and notes what is wrong with it under its path."""

    FIELDS = frozenset({"event_id", "kind", "occurred_at", "identifiers", "brand", "body"})

    def __init__(self, path: str, wrong: list[WrongField]) -> None:
        self._path = path
        self._wrong = wrong
        self._ignored: list[WrongField] = []

    def event(self, item: object, *, source: str, key: bytes, now: int) -> PostedEvent | None:
        """Return the event, or None when something about it is wrong."""
        before = len(self._wrong)
        if not isinstance(item, dict):
            self._note("", "expected an object")
            return None
        for name in sorted(set(item) - self.FIELDS):
            self._note(f".{name[:40]}", f"unknown; known: {', '.join(sorted(self.FIELDS))}")
        event_id = self.text(item, "event_id", EVENT_ID_CHARS_MAX)
        occurred_at = self.time(item.get("occurred_at"), now)
        identifiers = self.identifiers(item.get("identifiers", []), key)
        brand = self.text(item, "brand", TEXT_CHARS_MAX) if "brand" in item else ""
        body = self._body(item.get("kind"), item.get("body", {}))
        if len(self._wrong) > before or body is None:
            return None
        event = told_at(occurred_at, source, identifiers, body, brand)
        try:
            encode_event(event)
        except EncodeError as error:
            self._note("", str(error))
            return None
        return PostedEvent(event_id, event, tuple(self._ignored))

    def _note(self, field: str, message: str) -> None:
        self._wrong.append(WrongField(self._path + field, message))

    def text(self, item: Mapping[str, object], name: str, chars_max: int) -> str:
        """Return a text of an object, empty where it is none."""
        value = item.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= chars_max:
            self._note(f".{name}", f"expected a text of 1 to {chars_max} characters")
            return ""
        if not value.isprintable():
            self._note(f".{name}", "control characters are not allowed")
        return value

    def time(self, value: object, now: int) -> int:
        """Return a time in µs UTC, 0 where it is none or out of range."""
        at = _microseconds(value)
        if at is None:
            self._note(
                ".occurred_at", "expected ISO 8601 with its offset, or µs since 1970 as a number"
            )
            return 0
        if not 0 < at <= now + FUTURE_S_MAX * 1_000_000:
            self._note(".occurred_at", f"lies before 1970 or over {FUTURE_S_MAX} s in the future")
        return at

    def identifiers(self, value: object, key: bytes) -> tuple[Identifier, ...]:
        """Return a list of plain identifiers under the tenant's key, each once."""
        if not isinstance(value, list) or len(value) > IDENTIFIERS_MAX:
            self._note(".identifiers", f"expected a list of at most {IDENTIFIERS_MAX}")
            return ()
        keyed: dict[Identifier, None] = {}
        for index, each in enumerate(value):
            where = f".identifiers[{index}]"
            match each:
                case {"kind": str(kind), "value": str(plain)} if len(plain) <= TEXT_CHARS_MAX:
                    try:
                        keyed[key_identifier(kind, plain, key=key)] = None
                    except JunkError as error:
                        self._ignored.append(WrongField(self._path + where, str(error)))
                    except IdentifierError as error:
                        self._note(where, str(error))
                case _:
                    self._note(where, 'expected {"kind": text, "value": text}')
        return tuple(keyed)

    def _body(self, kind: object, fields: object) -> AnyBody | None:
        if not isinstance(kind, str) or kind not in EVENT_KINDS:
            self._note(".kind", f"expected one of: {', '.join(EVENT_KINDS)}")
            return None
        if kind in KINDS_OF_STORES_ALONE:
            self._note(".kind", f"{kind} can only come from a store")
            return None
        if kind in ASKED_FOR:
            self._note(".kind", f"{kind} comes about by {ASKED_FOR[kind]}")
            return None
        body: AnyBody | None = self._struct(EVENT_KINDS[kind], fields, ".body")
        return body

    def _struct(self, struct: Any, fields: object, where: str) -> Any:
        """Build a struct from named fields: on the wire it is an array, in JSON an object."""
        if not isinstance(fields, dict):
            self._note(where, "expected an object")
            return None
        known = {each.name: each for each in msgspec.structs.fields(struct)}
        before = len(self._wrong)
        for name in sorted(set(fields) - set(known)):
            self._note(f"{where}.{name[:40]}", f"unknown; known: {', '.join(known)}")
        values = {}
        for name, each in known.items():
            if name in fields:
                values[name] = self._value(each.type, fields[name], f"{where}.{name}")
            elif each.required:
                self._note(f"{where}.{name}", "is missing")
        return struct(**values) if len(self._wrong) == before else None

    def _value(self, wanted: Any, value: object, where: str) -> Any:
        element = getattr(wanted, "__args__", (None,))[0]
        if isinstance(value, list) and isinstance(element, type(msgspec.Struct)):
            return tuple(
                self._struct(element, each, f"{where}[{index}]") for index, each in enumerate(value)
            )
        try:
            found = msgspec.convert(value, wanted, strict=True)
        except msgspec.ValidationError as error:
            self._note(where, str(error))
            return None
        if isinstance(found, int) and abs(found) > WHOLE_MAX:
            self._note(where, f"expected a whole number of at most {WHOLE_MAX}")
        return found


def _microseconds(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return None if at.tzinfo is None else int(at.astimezone(UTC).timestamp() * 1_000_000)
    except (ValueError, OverflowError):  # the second: its offset leads out of all years
        return None
