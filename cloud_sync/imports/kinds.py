"""What can be imported: the columns of each kind of file, and what its rows become."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from cloud_sync.channels.delivery import cents
from cloud_sync.imports.persons import (
    CONSENT,
    NAME_OF_MEMBER,
    PERSON,
    PersonError,
    consents_of,
    is_named,
    record_of,
    said_of,
    typed_identifier,
)
from cloud_sync.intake.posted import PostedEvent, PostRefusedError, Told, keyed_event
from cloud_sync.review.records import PersonRecord
from cloud_sync.shoppers.atoms.facts import CURRENCY, PRODUCT
from wire.events import Identified, Line, Purchased
from wire.identifiers import CLAIMED_KINDS, IdentifierError, normal_form
from wire.topics import NAME

QUANTITY_MAX = 10**6
ORDER_CHARACTERS_MAX = 64
_ORDER = re.compile(r"[^\x00-\x1f\x7f@]{1,64}")


class RowError(ValueError):
    """A row cannot be imported; the message says why, and repeats nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How rows are to be read: whose they are, when nothing says the zone, what was proven.

    `now` is µs UTC. Identifiers that were typed are claims, unless the list was made of `proven`
    ones.
    """

    source: str
    key: bytes
    zone: ZoneInfo
    now: int
    proven: bool = False


Values = Mapping[str, str]
"""The values of one row by our names of the columns; those that are missing are empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockRow:
    """How many pieces of a product a store has (an empty one: what is sold online), by a count."""

    store: str
    product: str
    quantity: int
    counted_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """The event of a row about somebody, what they agreed to, and what they are compared by."""

    event: PostedEvent
    consents: Sequence[PostedEvent] = ()
    record: PersonRecord | None = None


Item = PersonRow | StockRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of file: its columns with the other names they go by, and how rows are read.

    Of each set in `needed` a file must have one column. Rows that follow each other with the same
    value of `group` belong together; a row stands for itself where it is empty.
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]
    needed: tuple[frozenset[str], ...]
    read: Callable[[Sequence[Values], Setting], Item]
    group: str = ""


_WHO: Mapping[str, tuple[str, ...]] = {
    "member": ("member_code", "member_id", "membership", "会员号", "会员卡号"),
    "phone": ("phone_number", "mobile", "手机号", "手机", "电话"),
    "email": ("e_mail", "email_address", "邮箱", "电子邮箱"),
    "app": ("account", "openid", "账号"),
}
_AT = ("date", "time", "created_at", "时间", "日期")


def read_member(rows: Sequence[Values], setting: Setting) -> PersonRow:
    """Return the event that somebody is on the list; raises RowError."""
    (row,) = rows
    named = _named(row, setting)
    said = said_of(row, named)
    if not named and not said:
        raise RowError("names nobody: no column of member, phone, email, app or name has a value")
    since = _at(row, "joined_at", setting) if row["joined_at"] else 0
    told = _known_by(named, said, setting)
    event = _event(told, Identified(by="list"), since or setting.now, "member", told, setting)
    return _person(row, event, named, told, said, since, setting)


def read_order(rows: Sequence[Values], setting: Setting) -> PersonRow:
    """Return the event that an order, of one row a line, was paid; raises RowError."""
    first = rows[0]
    if not _ORDER.fullmatch(first["order"]):
        raise RowError("order: expected 1 to 64 characters without @")
    place = first["place"] or setting.source
    if not NAME.fullmatch(place):
        raise RowError("place: expected the name of a store or channel, a-z 0-9 _ -")
    if not CURRENCY.fullmatch(currency := first["currency"]):
        raise RowError("currency: expected three capital letters (ISO 4217)")
    lines = tuple(_line(row, currency) for row in rows)
    body = Purchased(
        order=f"{first['order']}@{place}",
        lines=lines,
        amount_cents=sum(each.amount_cents for each in lines),
        currency=currency,
    )
    at = _at(first, "occurred_at", setting)
    named = _named(first, setting)
    said = said_of(first, named)
    told = _known_by(named, said, setting)
    event = _event(told, body, at, "order", [("", body.order)], setting)
    return _person(first, event, named, told, said, at, setting)


def read_stock(rows: Sequence[Values], setting: Setting) -> StockRow:
    """Return how many pieces of a product there are; raises RowError."""
    (row,) = rows
    if row["store"] and not NAME.fullmatch(row["store"]):
        raise RowError("store: expected the name of a store, a-z 0-9 _ -, or nothing for online")
    return StockRow(
        store=row["store"],
        product=_product(row),
        quantity=_whole(row, "quantity"),
        counted_at=_at(row, "counted_at", setting) if row["counted_at"] else setting.now,
    )


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="members",
            columns={
                **_WHO,
                **PERSON,
                "full_name": (*NAME_OF_MEMBER, *PERSON["full_name"]),
                "joined_at": ("member_since", "registered_at", "注册时间", *_AT),
                **CONSENT,
            },
            needed=(frozenset({*_WHO, "full_name", "last_name"}),),
            read=read_member,
        ),
        Kind(
            name="orders",
            columns={
                **_WHO,
                **PERSON,
                **CONSENT,
                "order": ("order_id", "order_number", "订单号"),
                "product": ("gtin", "sku", "barcode", "商品", "条码"),
                "quantity": ("pieces", "qty", "数量"),
                "amount_cents": (),
                "amount": ("paid", "total", "金额"),
                "currency": ("币种",),
                "occurred_at": ("paid_at", "ordered_at", "下单时间", *_AT),
                "place": ("store", "channel", "门店", "渠道"),
                "brand": ("品牌",),
            },
            needed=(
                *(frozenset({each}) for each in ("order", "product", "quantity", "currency")),
                frozenset({"occurred_at"}),
                frozenset({"amount", "amount_cents"}),
            ),
            read=read_order,
            group="order",
        ),
        Kind(
            name="stock",
            columns={
                "store": ("place", "门店"),
                "product": ("gtin", "sku", "barcode", "商品", "条码"),
                "quantity": ("pieces", "qty", "stock", "数量", "库存"),
                "counted_at": _AT,
            },
            needed=(frozenset({"product"}), frozenset({"quantity"})),
            read=read_stock,
        ),
    )
}


def _named(row: Values, setting: Setting) -> list[tuple[str, str]]:
    """Return who a row names; raises RowError where a value is none of its kind."""
    found = []
    for kind in _WHO:
        if plain := row[kind]:
            claimed = f"claimed_{kind}"
            told = kind if setting.proven or claimed not in CLAIMED_KINDS else claimed
            try:
                normal_form(told, plain)
            except IdentifierError as error:
                raise RowError(f"{kind}: {error}") from error
            found.append((told, plain))
    return found


def _known_by(
    named: list[tuple[str, str]], said: Mapping[str, str], setting: Setting
) -> list[tuple[str, str]]:
    """Return who a row names, by what was typed in it where nothing else is known of them."""
    if not said or is_named(named):
        return named
    return [*named, typed_identifier(said, setting.source, setting.key)]


def _person(
    row: Values,
    event: PostedEvent,
    named: Sequence[tuple[str, str]],
    told: Sequence[tuple[str, str]],
    said: Mapping[str, str],
    since: int,
    setting: Setting,
) -> PersonRow:
    """Return a row about somebody with what they agreed to and are compared by."""
    try:
        consents = consents_of(
            row,
            told,
            event.event_id,
            lambda column: _at(row, column, setting),
            since=since,
            now=setting.now,
            source=setting.source,
        )
        keyed = [
            keyed_event(each, source=setting.source, key=setting.key, now=setting.now)
            for each in consents
        ]
    except (PersonError, PostRefusedError) as error:
        raise RowError(str(error)) from error
    record = record_of(said, event, named, setting.source, setting.key)
    return PersonRow(event=event, consents=keyed, record=record)


def _event(
    named: Sequence[tuple[str, str]],
    body: Identified | Purchased,
    at: int,
    what: str,
    known_by: Sequence[tuple[str, str]],
    setting: Setting,
) -> PostedEvent:
    """Make an event whose id follows, under the tenant's key, from what it is known by."""
    text = "\x00".join(f"{kind}\x01{plain}" for kind, plain in known_by)
    digest = hashlib.blake2b(text.encode(), key=setting.key, digest_size=16).hexdigest()
    told = Told(event_id=f"{what}-{digest}", at=at, body=body, identifiers=named)
    try:
        return keyed_event(told, source=setting.source, key=setting.key, now=setting.now)
    except PostRefusedError as error:
        raise RowError(str(error)) from error


def _line(row: Values, currency: str) -> Line:
    if row["amount_cents"]:
        amount = _whole(row, "amount_cents")
    else:
        try:
            amount = cents(row["amount"], currency, "amount")
        except PostRefusedError as error:
            raise RowError(str(error)) from error
    return Line(_product(row), _whole(row, "quantity"), amount, row["brand"][:64])


def _product(row: Values) -> str:
    if not PRODUCT.fullmatch(row["product"]):
        raise RowError("product: expected 1 to 64 of 0-9 A-Z a-z . _ -")
    return row["product"]


def _whole(row: Values, column: str) -> int:
    try:
        value = Decimal(row[column])
        if value == value.to_integral_value() and 0 <= value <= 10**12:
            return int(value)
    except (InvalidOperation, ValueError):
        pass
    raise RowError(f"{column}: expected a whole number, 0 or more")


def _at(row: Values, column: str, setting: Setting) -> int:
    """Return a time as µs UTC; one without an offset is of the zone."""
    try:
        moment = datetime.fromisoformat(row[column].replace("/", "-"))
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=setting.zone)
        at = int(zoned.timestamp() * 1_000_000)
    except (ValueError, OverflowError) as error:
        raise RowError(f"{column}: expected a time such as 2026-11-22 12:00:00") from error
    if not 0 < at <= setting.now:
        raise RowError(f"{column}: lies before 1970 or in the future")
    return at
