"""Every table in which something of a shopper stands, and by which column it is found there.

A table that is made later is in one of the two lists: a test compares them with the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One table, and the condition of the rows that go with a shopper.

    The condition may use `atoms` (ids of the shopper's identifiers, uuid[]), `hexes` (the same as
    texts), `values` (the keyed identifiers, as uuid[]), `names` (as the downlink names them),
    `coupons` (codes of the shopper's coupons), `orders` (as order_told names them) and `tenant`.
    """

    table: str
    where: LiteralString


_BY_ATOM = "atom = ANY(%(atoms)s::uuid[])"

# In this order: what others are found by goes last.
TRACES: tuple[Trace, ...] = (
    Trace(table="atom_act", where=_BY_ATOM),
    Trace(table="atom_product", where=_BY_ATOM),
    Trace(table="atom_brand", where=_BY_ATOM),
    Trace(table="atom_zone", where=_BY_ATOM),
    Trace(table="atom_store", where=_BY_ATOM),
    Trace(table="atom_consent", where=_BY_ATOM),
    Trace(table="atom_order", where=_BY_ATOM),
    Trace(table="point_spend", where=_BY_ATOM),
    Trace(table="order_told", where="order_key = ANY(%(orders)s::text[])"),
    Trace(table="interest_due", where=_BY_ATOM),
    Trace(table="coupon_act", where="coupon = ANY(%(coupons)s::text[])"),
    Trace(table="coupon", where="owner = ANY(%(atoms)s::uuid[])"),
    Trace(table="coupon_withdrawn", where="owner = ANY(%(atoms)s::uuid[])"),
    Trace(table="shopper_view", where="identifier = ANY(%(atoms)s::uuid[])"),
    Trace(table="visit", where="identifier = ANY(%(atoms)s::uuid[])"),
    Trace(table="prepared", where="shopper = ANY(%(atoms)s::uuid[])"),
    Trace(table="shopper_due", where="shopper = ANY(%(hexes)s::text[])"),
    Trace(table="token_pace", where="member = ANY(%(values)s::uuid[])"),
    Trace(table="downlink_key", where="view = 'shopper' AND key = ANY(%(names)s::text[])"),
    # Whoever typed the shopper's number, and whatever the shopper typed.
    Trace(
        table="claim",
        where="EXISTS (SELECT FROM unnest(%(values)s::uuid[]) AS gone (id) WHERE"
        " value = uuid_send(id) OR position(uuid_send(id) IN identifiers) > 0)",
    ),
    # What lists say of the shopper, and whoever typed the shopper's number there.
    Trace(
        table="person_record",
        where="(identifier = ANY(%(atoms)s::uuid[]) OR keyed && %(values)s::uuid[])",
    ),
    Trace(
        table="join_proposal",
        where="(one = ANY(%(atoms)s::uuid[]) OR other = ANY(%(atoms)s::uuid[]))",
    ),
    Trace(table="identity_due", where="identifier = ANY(%(atoms)s::uuid[])"),
    Trace(
        table="identity_word",
        where="(identifier = ANY(%(atoms)s::uuid[]) OR other = ANY(%(atoms)s::uuid[]))",
    ),
    Trace(
        table="link",
        where="(identifier = ANY(%(atoms)s::uuid[]) OR other = ANY(%(atoms)s::uuid[]))",
    ),
    Trace(table="identifier", where="identifier = ANY(%(atoms)s::uuid[])"),
)

# Columns by whose names a shopper may be found; a table with one of them is in a list here.
TELLING_COLUMNS = frozenset(
    {"atom", "identifier", "shopper", "owner", "member", "coupon", "coupons", "visit", "row"}
    | {"payload", "mark", "person", "phone", "email", "identifiers", "sealed", "order_key"}
)

# Tables with such a column that keep their rows, and why.
NOT_TRACES: Mapping[str, str] = {
    "connector_due": "until other systems were told that the shopper is gone: see flow/queue.py",
    "connector_told": "goes when that system has acknowledged that the shopper is gone",
    "ledger": "rows of the shopper are found by their bytes and made blank: see scrub.py",
    "refused_delivery": "sealed under the tenant's key, unread; it goes after 90 days",
    "quarantine": "entries that hold the shopper's bytes are emptied: see scrub.py",
    "downlink": "its owner is a worker",
    "shard_lease": "its owner is a worker",
    "erasure_mark": "all that stays of a shopper; nobody can go back from a mark",
}
