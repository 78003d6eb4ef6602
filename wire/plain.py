"""Messages and events as plain values with their fields' names, for people to read as JSON."""

from collections.abc import Mapping, Sequence

import msgspec

from wire.codec import DecodeError, UnknownKindError, decode_event
from wire.events import Event
from wire.messages import Batch, Change, Message
from wire.views import decode_view

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


def plain_message(message: Message) -> dict[str, Plain]:
    """Return a message by field name, with its rows and views decoded; bytes become hex."""
    fields = _fields(message)
    if isinstance(message, Batch):
        fields["rows"] = [
            {"seq": seq, **plain_row(row)} for seq, row in enumerate(message.rows, message.first)
        ]
    return {"message": type(message).__name__, **fields}


def plain_row(row: bytes) -> dict[str, Plain]:
    """Return one event by field name; of a row that is none, its bytes and what is wrong."""
    try:
        return plain_event(decode_event(row))
    except UnknownKindError as error:
        return {"unknown_kind": error.tag, "row": row.hex()}
    except DecodeError as error:
        return {"error": str(error), "row": row.hex()}


def plain_event(event: Event) -> dict[str, Plain]:
    """Return an event by field name."""
    return {"kind": event.kind, **_fields(event)}


def _fields(struct: msgspec.Struct) -> dict[str, Plain]:
    return {name: _plain(getattr(struct, name)) for name in struct.__struct_fields__}


def _plain(value: object) -> Plain:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return value.hex()
        case Change():
            return {**_fields(value), "value": _plain_view(value.value)}
        case msgspec.Struct():
            return _fields(value)
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case Sequence():
            return [_plain(inner) for inner in value]
        case _:
            raise TypeError(f"{type(value).__name__} does not cross the wire")


def _plain_view(value: bytes | None) -> Plain:
    if value is None:
        return None
    try:
        return _fields(decode_view(value))
    except DecodeError as error:
        return {"error": str(error), "value": value.hex()}
