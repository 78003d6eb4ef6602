"""What another system delivered, and how its fields are read: amounts, times, identifiers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

import msgspec

from cloud_sync.intake.posted import (
    EVENT_ID_CHARS_MAX,
    TEXT_CHARS_MAX,
    PostRefusedError,
    WrongField,
)
from wire.identifiers import IdentifierError, normal_form

# ISO 4217: digits behind the point, where they are not two.
DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX"), 0),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}

SECOND_US = 1_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request of another system; the names of its headers are in lower case.

    `received_at` is µs UTC.
    """

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    received_at: int


def wrong(field: str, message: str) -> PostRefusedError:
    """Make the refusal of a delivery for one field of it."""
    return PostRefusedError([WrongField(field, message)])


def event_id(*words: object) -> str:
    """Return the id of an event, made of what its source calls it; a long one is hashed."""
    text = "-".join(map(str, words))
    if len(text) <= EVENT_ID_CHARS_MAX and text.isprintable():
        return text
    return hashlib.blake2b(text.encode(), digest_size=24).hexdigest()


def read_json(delivery: Delivery, form: type[T]) -> T:
    """Read the body as JSON of a form; fields that the form does not name are passed over.

    Raises PostRefusedError, which names the field at fault.
    """
    try:
        return msgspec.json.decode(delivery.body, type=form)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise wrong(path.strip(".`") or "$", message) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise wrong("$", f"not JSON: {error}") from error


def cents(amount: str, currency: str, field: str) -> int:
    """Return an amount that is written in whole units, such as `19.90`, in the currency's smallest.

    Raises PostRefusedError for what is no amount.
    """
    try:
        value = Decimal(amount).scaleb(DIGITS.get(currency, 2))
        exact = int(value.to_integral_value())
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise wrong(field, "expected an amount such as 19.90") from error
    if abs(exact) > 10**15:
        raise wrong(field, "expected an amount below 10^13")
    return exact


def at(text: str, field: str) -> int:
    """Return a time in ISO 8601 with its offset as µs UTC; raises PostRefusedError."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return int(moment.timestamp() * SECOND_US)
    except (ValueError, OverflowError):
        pass
    raise wrong(field, "expected a time in ISO 8601 with its offset, 2026-11-22T12:00:00+08:00")


def named(*pairs: tuple[str, str | None]) -> list[tuple[str, str]]:
    """Return the identifiers among these (kind, plain) pairs that are of their kind.

    What is empty, or no phone number where one should stand, says nothing: an order must not be
    refused because of what its buyer typed.
    """
    found = []
    for kind, plain in pairs:
        if not plain or len(plain) > TEXT_CHARS_MAX:
            continue
        try:
            normal_form(kind, plain)
        except IdentifierError:
            continue
        found.append((kind, plain))
    return found
