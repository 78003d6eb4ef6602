"""What a web shop or an app asks about a shopper: JSON in, checked values out.

    {"identifiers": [{"kind": "member", "value": "M0007"}]}         whom it is about
    {"identifiers": […], "order": "w-17", "event_id": "7f9c…"}      redeem a coupon for an order
    {"member": "M0007"}                                             whose token is to be signed
    {"identifiers": […], "purposes": {"offers": false}, "event_id": …}      a word on consents

Identifiers arrive plain, in the body and never in an address, and are keyed here.
"""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from cloud_sync.intake.posted import (
    EVENT_ID_CHARS_MAX,
    IDENTIFIERS_MAX,
    TEXT_CHARS_MAX,
    PostRefusedError,
    WrongField,
)
from wire.identifiers import CLAIMED_KINDS, Identifier, IdentifierError, key_identifier

ORDER_CHARS_MAX = 64
VERSION_CHARS_MAX = 64
PURPOSES_MAX = 20
SHOPPER_CHARS = 32
_PRINTABLE_OR_NONE = r"^[^\x00-\x1f\x7f]*$"
_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"

_Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One identifier as the channel knows it, plain."""

    kind: _Text
    value: _Text


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a question is about."""

    identifiers: Annotated[tuple[Named, ...], Meta(min_length=1, max_length=IDENTIFIERS_MAX)]


class AskedToRedeem(Asked, frozen=True, forbid_unknown_fields=True):
    """For whom, and for which order, a coupon is to be redeemed; `event_id` as in posted.py."""

    order: Annotated[str, Meta(max_length=ORDER_CHARS_MAX, pattern=_PRINTABLE)]
    event_id: Annotated[str, Meta(max_length=EVENT_ID_CHARS_MAX, pattern=_PRINTABLE)]


class AskedForConsents(Asked, frozen=True, forbid_unknown_fields=True):
    """What somebody allows (true) or withdraws (false), by purpose; `event_id` as in posted.py.

    `version` is that of the text that they read.
    """

    purposes: Annotated[dict[_Text, bool], Meta(min_length=1, max_length=PURPOSES_MAX)]
    event_id: Annotated[str, Meta(max_length=EVENT_ID_CHARS_MAX, pattern=_PRINTABLE)]
    version: Annotated[str, Meta(max_length=VERSION_CHARS_MAX, pattern=_PRINTABLE_OR_NONE)] = ""


class AskedForRights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to be told everything, or forgotten: by identifiers, or by shopper ID."""

    identifiers: Annotated[tuple[Named, ...], Meta(max_length=IDENTIFIERS_MAX)] = ()
    shopper: Annotated[str, Meta(max_length=SHOPPER_CHARS, pattern=r"^([0-9a-f]{32})?$")] = ""


class AskedToSpend(AskedToRedeem, frozen=True, forbid_unknown_fields=True):
    """How many points are to be spent, too."""

    points: Annotated[int, Meta(ge=1, le=1_000_000_000)]


class AskedForToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The membership code of the member who is signed in to the app."""

    member: _Text


_AskedT = TypeVar("_AskedT", bound=msgspec.Struct)


def parse_asked(payload: bytes, form: type[_AskedT]) -> _AskedT:
    """Read the body of a question.

    Raises PostRefusedError, which names the field at fault.
    """
    try:
        return msgspec.json.decode(payload, type=form)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        raise PostRefusedError([WrongField(path.rstrip("`") or "$", message)]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PostRefusedError([WrongField("$", f"not JSON: {error}")]) from error


def keyed_member(asked: AskedForToken, key: bytes) -> Identifier:
    """Return the member under the tenant's key; raises PostRefusedError for none."""
    try:
        return key_identifier("member", asked.member, key=key)
    except IdentifierError as error:
        raise PostRefusedError([WrongField("member", str(error))]) from error


def keyed(asked: Asked, key: bytes) -> list[Identifier]:
    """Return the identifiers of a question under the tenant's key.

    Raises PostRefusedError, which names those that are none.
    """
    wrong: list[WrongField] = []
    found: dict[Identifier, None] = {}
    for index, each in enumerate(asked.identifiers):
        if each.kind in CLAIMED_KINDS:
            told = "what somebody typed names nobody until it is proven: see /v1/claims"
            wrong.append(WrongField(f"identifiers[{index}]", told))
            continue
        try:
            found[key_identifier(each.kind, each.value, key=key)] = None
        except IdentifierError as error:
            wrong.append(WrongField(f"identifiers[{index}]", str(error)))
    if wrong:
        raise PostRefusedError(wrong)
    return list(found)
