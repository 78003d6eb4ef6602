"""What browsers tell of a web shop: harmless kinds alone, from pages of the shop, at a pace.

A browser holds no secret, so nothing that it says may cost or give anybody anything: no order, no
coupon, no membership, and no identifier but the random one of its own cookie.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from cloud_sync.channels.delivery import event_id, wrong
from cloud_sync.intake.posted import PostedEvent, Told, keyed_event
from wire.events import AnyBody, PageShown, Saved, Searched, Viewed, Watched

POST_BYTES_MAX = 60_000
EVENTS_PER_POST_MAX = 50
# What a browser kept while it had no line may be so old.
AGE_US_MAX = 7 * 86_400_000_000

_Text = Annotated[str, Meta(max_length=200)]
_Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_.:-]+$")]
_Whole = Annotated[int, Meta(ge=0, le=10**12)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One web shop whose pages may tell: whose it is, and the origins of its pages."""

    name: str
    tenant: str
    source: str
    origins: frozenset[str]


class _Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    page: _Text
    click: _Name | None = None


class _Viewed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    product: _Text = ""
    content: _Text = ""
    price_cents: _Whole = 0
    currency: _Text = ""


class _Searched(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: _Text
    results: _Whole = 0


class _Watched(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    content: _Text
    watched_ms: _Whole
    length_ms: _Whole = 0


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    product: _Text
    saved: bool = True


class _Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: _Name
    kind: str
    at: float
    body: msgspec.Raw
    brand: _Text = ""


class Letter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one browser tells at once; `web` is the random id of its cookie."""

    web: _Name
    events: Annotated[tuple[_Event, ...], Meta(min_length=1, max_length=EVENTS_PER_POST_MAX)]


_Form = TypeVar("_Form", bound=msgspec.Struct)
_FORMS: Mapping[str, type[msgspec.Struct]] = {
    "page": _Page,
    "viewed": _Viewed,
    "searched": _Searched,
    "watched": _Watched,
    "saved": _Saved,
}


def read_letter(payload: bytes) -> Letter:
    """Read what a browser posted; raises PostRefusedError, which names the field at fault."""
    if len(payload) > POST_BYTES_MAX:
        raise wrong("$", f"a letter has at most {POST_BYTES_MAX} bytes; send it in parts")
    return _read(payload, Letter, "")


def events_of(letter: Letter, site: Site, key: bytes, now: int) -> Sequence[PostedEvent]:
    """Return the events of a letter; raises PostRefusedError."""
    return [
        keyed_event(told, source=site.source, key=key, now=now)
        for index, each in enumerate(letter.events)
        for told in [_told(letter.web, each, f"events[{index}]", now)]
    ]


def _told(web: str, event: _Event, where: str, now: int) -> Told:
    form = _FORMS.get(event.kind)
    if form is None:
        raise wrong(f"{where}.kind", f"expected one of: {', '.join(_FORMS)}")
    body, click = _body(_read(bytes(event.body), form, f"{where}.body"))
    # A browser's clock may be anything; what it says is believed within a week before now.
    at = int(event.at * 1000) if abs(event.at) < 10**14 else now
    named = [("web", web), *([("web", f"click:{click}")] if click else [])]
    return Told(
        event_id=event_id(web, event.id),
        at=at if now - AGE_US_MAX < at <= now else now,
        identifiers=named,
        body=body,
        brand=event.brand,
    )


def _body(said: msgspec.Struct) -> tuple[AnyBody, str | None]:
    match said:
        case _Page(page=page, click=click):
            return PageShown(page=page), click
        case _Viewed(product=product, content=content, price_cents=cents, currency=currency):
            return Viewed(
                product=product, content=content, price_cents=cents, currency=currency
            ), None
        case _Searched(query=query, results=results):
            return Searched(query, results), None
        case _Watched(content=content, watched_ms=watched_ms, length_ms=length_ms):
            return Watched(content, watched_ms, length_ms), None
        case _Saved(product=product, saved=saved):
            return Saved(product, saved), None
        case _:
            raise AssertionError("unreachable: each form has its line above")


def _read(payload: bytes, form: type[_Form], where: str) -> _Form:
    try:
        return msgspec.json.decode(payload, type=form)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        field = f"{where}.{path.strip('.`')}".strip(".")
        raise wrong(field or "$", message) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(where or "$", f"not JSON: {error}") from error
