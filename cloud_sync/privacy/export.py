"""Everything that is known of one shopper, in words that a person understands."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import LiteralString

from msgspec import structs
from psycopg import Connection, sql
from psycopg.rows import dict_row

from cloud_sync.database import Database, arrays
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.privacy import words
from cloud_sync.privacy.erasing import first_day, joined, named_by
from cloud_sync.privacy.scrub import days_since, events_naming
from cloud_sync.privacy.traces import TRACES
from cloud_sync.review.records import held
from cloud_sync.shoppers.consent.consents import PURPOSES, consents_of
from cloud_sync.shoppers.graph.identity import shoppers_of
from cloud_sync.shoppers.profiles.profile import whole_profiles_of
from cloud_sync.shoppers.profiles.stage import stage_of
from wire.identifiers import IDENTIFIER_KINDS, Identifier, identifier_id

# More events of one person than this are no person; the newest are left out, and it is said.
EVENTS_MAX = 100_000
LISTS_MAX = 1_000
KEYED = (
    "Identifiers are kept under a key only: what is shown here is what stands in the tables, and"
    " cannot be read back into a number or code."
)

# What stands in the tables of facts: a heading, the table, and what each column means.
FACTS: Mapping[str, tuple[LiteralString, Mapping[str, str]]] = {
    "acts_by_day": (
        "atom_act",
        {
            "day": "days since 1970",
            "act": "what was done",
            "times": "how often",
            "amount": "ms stood, or cents of orders",
            "first_at": "first",
            "last_at": "last",
        },
    ),
    "products": (
        "atom_product",
        {
            "product": "product number",
            "views": "times looked at",
            "tries": "times tried",
            "bought": "pieces bought",
            "returned": "pieces returned",
            "viewed_at": "last looked at",
            "viewed_online_at": "last looked at online",
            "tried_at": "last tried",
            "saved_mark": "twice the time of the last word, plus one if it was saved",
        },
    ),
    "brands": (
        "atom_brand",
        {
            "brand": "brand",
            "followed_mark": "twice the time of the last word, plus one if it is followed",
        },
    ),
    "stays": (
        "atom_zone",
        {
            "store": "store",
            "zone": "area of it",
            "stays": "how many stays",
            "dwell_ms": "how long in all (ms)",
            "dwelt_at": "last",
        },
    ),
    "orders": (
        "atom_order",
        {
            "number": "order number",
            "subject": "what of it, empty for the whole",
            "day": "days since 1970",
            "place": "store, or @ and the channel",
            "currency": "currency",
            "bought": "pieces bought, of the whole: orders",
            "returned": "pieces returned, of the whole: returns",
            "paid_cents": "paid (cents)",
            "refunded_cents": "refunded (cents)",
            "bought_at": "when",
        },
    ),
    "stores": ("atom_store", {"store": "store", "seen_at": "last seen there"}),
    "points_spent": (
        "point_spend",
        {
            "source": "channel",
            "reference": "order number",
            "points": "points",
            "occurred_at": "when",
        },
    ),
    "what_became_of_coupons": (
        "coupon_act",
        {
            "coupon": "coupon",
            "act": "what was done with it",
            "source": "store or channel",
            "reference": "order number",
            "occurred_at": "when",
        },
    ),
    "coupons_withdrawn": (
        "coupon_withdrawn",
        {
            "offer": "offer",
            "product": "product number",
            "reason": "what it had rested on",
            "issued_at": "issued",
            "withdrawn_at": "withdrawn",
        },
    ),
    "said_about_who_is_who": (
        "identity_word",
        {
            "identifier": "id of an identifier",
            "other": "id of another, zero where there is none",
            "word": "what was said",
            "because": "why",
            "source": "who said it",
            "at": "when",
        },
    ),
    "numbers_typed": (
        "claim",
        {
            "kind": "kind of identifier",
            "source": "channel",
            "made_at": "typed",
            "proven_at": "proven by a code",
        },
    ),
    "member_codes_shown_by_the_app": (
        "token_pace",
        {"free_at": "from when on as many are given as ever"},
    ),
    "other_systems_that_were_told": (
        "connector_told",
        {"connector": "system", "told_at": "last told"},
    ),
}

# How the rows of a table are found that does not go with the shopper at once.
_FOUND: Mapping[str, LiteralString] = {
    **{trace.table: trace.where for trace in TRACES},
    "connector_told": "shopper = ANY(%(atoms)s::uuid[])",
}

# Tables in which something of a shopper stands that the export tells in another form, or not.
TOLD_OTHERWISE: Mapping[str, str] = {
    "identifier": "identifiers",
    "link": "joined_by",
    "atom_consent": "consents",
    "coupon": "coupons",
    "visit": "visits_of_the_last_days",
    "shopper_view": "stores_that_were_told",
    "downlink_key": "stores_that_were_told: which stores; what they show follows from the rest",
    "prepared": "what the next screen will show, which follows from the rest",
    "order_told": "where the events of an order stand, which are told themselves",
    "person_record": "records_of_lists",
    "join_proposal": "with whom a record may be one, which says as much of another",
    "interest_due": "products that stand among the others, until they are counted",
    "shopper_due": "that something is still to be decided",
    "identity_due": "that something is still to be decided",
}


def export(
    database: Database, tenant: str, identifiers: Sequence[Identifier], now: int, secret: bytes
) -> dict[str, object]:
    """Return everything that is known of the shopper whom identifiers name, at `now` (µs UTC).

    `secret` is the tenant's identifier key, under which records of lists are sealed.
    """
    with database.shopper(tenant) as connection:
        everyone = sorted(set(identifiers) | joined(connection, tenant, set(identifiers)))
        ids = sorted(map(identifier_id, everyone))
        found = shoppers_of(connection, [(tenant, each) for each in ids])
        shopper = min(found.values(), default="")
        key = (tenant, shopper or ids[0])
        members = {key: everyone}
        named = named_by(connection, tenant, everyone)
        profile = whole_profiles_of(connection, members)[key]
        staged = stage_of(profile, now)
        consents = words.plain(consents_of(connection, members)[key])
        told = {
            "shopper": shopper,
            "asked_at": _time(now),
            "about_identifiers": KEYED,
            "identifiers": [_identifier(each) for each in everyone],
            "joined_by": _rows(connection, "link", "identifier", tenant, ids),
            "records_of_lists": [
                {"source": each.record.source, "said": dict(each.record.said)}
                for each in held(connection, tenant, secret, LISTS_MAX, of=ids)
            ],
            "consents": consents,
            "what_consents_mean": dict(PURPOSES),
            "stage": staged.stage,
            "stage_because": [structs.asdict(each) for each in staged.because],
            **{name: _facts(connection, name, named) for name in FACTS},
            "coupons": _rows(connection, "coupon", "owner", tenant, ids),
            "visits_of_the_last_days": _rows(connection, "visit", "identifier", tenant, ids),
            "stores_that_were_told": _rows(connection, "shopper_view", "identifier", tenant, ids),
        }
    return {**told, **_events(database, tenant, everyone, now)}


def _events(
    database: Database, tenant: str, everyone: Sequence[Identifier], now: int
) -> dict[str, object]:
    needles = [each.value for each in everyone]
    events: list[LedgerEvent] = []
    with database.shopper(tenant) as connection:
        for day in days_since(connection, first_day(connection, tenant, set(everyone), now)):
            left = EVENTS_MAX - len(events)
            events += events_naming(connection, tenant, day, needles, left) if left > 0 else []
    events.sort(key=lambda each: (each.event.occurred_at, each.shard, each.position))
    return {
        "events": [_event(each) for each in events],
        "events_left_out": len(events) >= EVENTS_MAX,
    }


def _event(ledger: LedgerEvent) -> dict[str, object]:
    event = ledger.event
    said = structs.asdict(event.body)
    return {
        "what": event.kind,
        "occurred_at": _time(event.occurred_at),
        "accepted_at": _time(ledger.accepted_at),
        "store": ledger.store or "",
        "channel": ledger.source,
        "area": event.zone,
        "device": event.device,
        "brand": event.brand,
        "identifiers": [_identifier(each) for each in event.identifiers],
        "visit": event.visit.hex(),
        "said": {name: _plain(value) for name, value in said.items()},
    }


def _identifier(identifier: Identifier) -> dict[str, str]:
    kind = IDENTIFIER_KINDS.get(identifier.kind)
    return {
        "kind": identifier.kind,
        "what_it_is": kind.title if kind else identifier.kind,
        "keyed": identifier.value.hex(),
    }


def _facts(connection: Connection, name: str, named: Mapping[str, object]) -> dict[str, object]:
    table, columns = FACTS[name]
    ask = sql.SQL("SELECT {columns} FROM {table} WHERE tenant = %(tenant)s AND {rows}").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        table=sql.Identifier(table),
        rows=sql.SQL(_FOUND[table]),
    )
    rows = sorted((tuple(map(_plain, row)) for row in connection.execute(ask, named)), key=repr)
    return {
        "columns": dict(columns),
        "rows": [dict(zip(columns, row, strict=True)) for row in rows],
    }


def _rows(
    connection: Connection, table: LiteralString, column: str, tenant: str, ids: Sequence[str]
) -> list[dict[str, object]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            sql.SQL(
                "SELECT * FROM {} WHERE tenant = %s AND {} = ANY(%s::uuid[]) ORDER BY 2, 3"
            ).format(sql.Identifier(table), sql.Identifier(column)),
            (tenant, arrays.plain(ids)),
        ).fetchall()
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: object) -> object:
    """Return a value as JSON can hold it; what stands for a time (µs UTC) in words."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if hasattr(value, "__struct_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if value is None or isinstance(value, str | int | float | bool | dict):
        return value
    return str(value)


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat()
