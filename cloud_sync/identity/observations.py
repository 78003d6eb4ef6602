"""One line of a file of events: when, where, and which identifiers were shown together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

LINE_BYTES_MAX = 1 << 20
# A line with more identifiers is a list of people and no event of one.
IDENTIFIERS_MAX = 64
# Numbers above these are milliseconds or microseconds; seconds stay below them until the year 5138.
_MILLISECONDS, _MICROSECONDS = 1e11, 1e14
# What happened before or after is no event of a shop but a broken clock.
OCCURRED_US_MIN = 0
OCCURRED_US_MAX = round(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000

Identifier = tuple[str, str]
"""The kind and value of an identifier."""


class Unreadable(ValueError):
    """A line is no event; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Observation:
    """What one event says about who is who. `occurred_at` is in µs UTC."""

    occurred_at: int
    event_id: str
    store: str
    device: str
    kind: str
    identifiers: tuple[Identifier, ...]


class _Shown(msgspec.Struct):
    kind: object = None
    value: object = None


class _Line(msgspec.Struct):
    event_id: str | int
    occurred_at: str | int | float
    store: object = ""
    device: object = ""
    kind: object = ""
    identifiers: Sequence[_Shown] | None = None


_lines = msgspec.json.Decoder(_Line)


def read_line(line: bytes) -> tuple[str | int, Observation]:
    """Read one line of JSON; return its id as written, and what it says.

    Identifiers without kind or value have empty ones; they are refused where identifiers are.

    Raises Unreadable where it is no event.
    """
    if len(line) > LINE_BYTES_MAX:
        raise Unreadable(f"longer than {LINE_BYTES_MAX} bytes")
    try:
        read = _lines.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    if read.event_id == "":
        raise Unreadable("the event_id is empty")
    shown = read.identifiers or ()
    if len(shown) > IDENTIFIERS_MAX:
        raise Unreadable(f"more than {IDENTIFIERS_MAX} identifiers")
    found = {(_text(each.kind).lower(), _text(each.value)) for each in shown}
    occurred_at = _micros(read.occurred_at)
    if not OCCURRED_US_MIN <= occurred_at < OCCURRED_US_MAX:
        raise Unreadable(f"occurred_at is not within 1970 to 2199: {read.occurred_at!r}")
    observation = Observation(
        occurred_at=occurred_at,
        event_id=str(read.event_id),
        store=_text(read.store),
        device=_text(read.device),
        kind=_text(read.kind).lower(),
        identifiers=tuple(sorted(found)),
    )
    return read.event_id, observation


def _micros(when: str | int | float) -> int:
    try:
        if isinstance(when, str):
            moment = datetime.fromisoformat(when.strip())
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return round(aware.timestamp() * 1e6)
        if abs(when) < _MILLISECONDS:
            return round(when * 1e6)
        return round(when * 1e3) if abs(when) < _MICROSECONDS else round(when)
    except (ValueError, OverflowError):
        raise Unreadable(f"occurred_at is no time: {when!r}") from None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""
