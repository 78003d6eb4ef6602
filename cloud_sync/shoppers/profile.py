"""A shopper's profile: the merge of the facts of all its identifiers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from msgspec import json
from psycopg import Connection

from cloud_sync.shoppers.facts import (
    ATOM_ACT,
    ATOM_BRAND,
    ATOM_MONEY,
    ATOM_PRODUCT,
    ATOM_STORE,
    ATOM_ZONE,
    FactTable,
    Row,
)
from cloud_sync.shoppers.identity import Key, Members, atoms_of

ATOM_FACTS = (ATOM_ACT, ATOM_PRODUCT, ATOM_BRAND, ATOM_MONEY, ATOM_STORE)
# Stores are told the brands followed last; whoever follows more sees the others as not followed.
FOLLOWED_MAX = 100

_Rows = list[dict[str, str | int]]


class ActFacts(NamedTuple):
    """How often something was done on a day, its amount (ms of dwell, cents of orders), when."""

    times: int
    amount: int
    last_at: int
    first_at: int


class ProductFacts(NamedTuple):
    """What happened between a shopper and a product; times are 0 where it never did."""

    times: int = 0
    views: int = 0
    tries: int = 0
    bought: int = 0
    returned: int = 0
    viewed_at: int = 0
    viewed_online_at: int = 0
    tried_at: int = 0
    bought_at: int = 0
    saved_mark: int = 0

    @property
    def kept(self) -> int:
        """Return how many pieces were bought and did not come back."""
        return max(self.bought - self.returned, 0)

    @property
    def saved(self) -> bool:
        """Tell whether the product stands on the shopper's list: its last mark was a save."""
        return self.saved_mark % 2 == 1

    @property
    def saved_at(self) -> int:
        """Return when the product was last put on the list or taken off it."""
        return self.saved_mark // 2


class MoneyFacts(NamedTuple):
    """Orders and money in one currency, in cents."""

    orders: int
    paid_cents: int
    refunded_cents: int


class DwellFacts(NamedTuple):
    """How long a shopper stood before a product: its share of the dwell at its shelf, and when."""

    dwell_ms: int
    dwelt_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of one shopper, and whether it may be used for personal offers.

    `followed` are brands, those followed last first, FOLLOWED_MAX at most. `shared` is a thing that
    many people use: what it did is nobody's, and it is offered nothing.
    """

    consented: bool = False
    shared: bool = False
    acts: Mapping[tuple[int, str], ActFacts] = field(default_factory=dict)
    products: Mapping[str, ProductFacts] = field(default_factory=dict)
    followed: Sequence[str] = ()
    dwelt: Mapping[str, DwellFacts] = field(default_factory=dict)
    money: Mapping[str, MoneyFacts] = field(default_factory=dict)
    stores: Mapping[str, int] = field(default_factory=dict)

    @property
    def last_store(self) -> str:
        """Return the store where the shopper was last seen, empty when in none."""
        return max(self.stores, key=lambda store: (self.stores[store], store), default="")


def profiles_of(connection: Connection, members: Members) -> dict[Key, Profile]:
    """Return the profiles of shoppers, given with their identifiers (see identity.members_of)."""
    return ask_profiles(connection, members)()


def ask_profiles(connection: Connection, members: Members) -> Callable[[], dict[Key, Profile]]:
    """Ask for `profiles_of`, all in one statement; the answer is read when it is called for."""
    tenants, shoppers, atoms = atoms_of(members)
    asked = {"tenants": tenants, "shoppers": shoppers, "atoms": atoms}
    answers = connection.execute(_ASK.encode(), asked)

    def read() -> dict[Key, Profile]:
        consents, things, *facts, dwells = [
            json.decode(part, type=_Rows) for part in answers.fetchone() or ()
        ]
        shared = {(str(row["tenant"]), UUID(str(row["shopper"])).hex) for row in things}
        consented = _consented(members, consents) - shared
        acts, products, brands, money, stores = map(_found, ATOM_FACTS, facts)
        dwelt = _dwelt(dwells)
        return {
            key: Profile(
                consented=key in consented,
                shared=key in shared,
                acts={
                    (int(day), str(act)): ActFacts(*row) for (day, act), row in acts.get(key, [])
                },
                products={str(one): ProductFacts(*row) for (one,), row in products.get(key, [])},
                followed=_followed({str(one): row[1] for (one,), row in brands.get(key, [])}),
                dwelt=dwelt.get(key, {}),
                money={str(one): MoneyFacts(*row) for (one,), row in money.get(key, [])},
                stores={str(one): row[0] for (one,), row in stores.get(key, [])},
            )
            for key in members
        }

    return read


def set_members_consent(connection: Connection, tenant: str, consent: bool) -> None:
    """Say whether a tenant's membership terms allow personal offers for its members.

    Nobody consents as long as it has not been said.
    """
    connection.execute(
        "INSERT INTO tenant_setting (tenant, members_consent) VALUES (%s, %s)"
        " ON CONFLICT (tenant) DO UPDATE SET members_consent = excluded.members_consent",
        (tenant, consent),
    )


def merged_facts(table: FactTable) -> str:
    """Return the statement that merges the rows of a fact table over each shopper's identifiers."""
    keys = [f"facts.{name}" for name in table.keys if name not in ("tenant", "atom")]
    merges = [f"sum(facts.{name})::bigint AS {name}" for name in table.sums]
    merges += [f"max(facts.{name}) AS {name}" for name in table.latest]
    merges += [f"min(facts.{name}) AS {name}" for name in table.earliest]
    return (
        f"SELECT {', '.join(('asked.tenant', 'asked.shopper', *keys, *merges))}"  # noqa: S608
        f" FROM {_facts_of(table)} GROUP BY {', '.join(('asked.tenant', 'asked.shopper', *keys))}"
    )


def _facts_of(table: FactTable) -> str:
    """Return the rows of atoms by a lateral query, as identity.py says."""
    return (
        "unnest(%(tenants)s::text[], %(shoppers)s::uuid[], %(atoms)s::uuid[])"  # noqa: S608
        f" AS asked(tenant, shopper, atom) CROSS JOIN LATERAL (SELECT * FROM {table.name} AS fact"
        "  WHERE fact.tenant = asked.tenant AND fact.atom = asked.atom OFFSET 0) AS facts"
    )


def _found(table: FactTable, rows: _Rows) -> dict[Key, list[tuple[Row, tuple[int, ...]]]]:
    keys = len(table.keys)
    found: dict[Key, list[tuple[Row, tuple[int, ...]]]] = {}
    for tenant, shopper, *row in map(dict.values, rows):
        key = (str(tenant), UUID(str(shopper)).hex)
        found.setdefault(key, []).append((tuple(row[: keys - 2]), tuple(map(int, row[keys - 2 :]))))
    return found


def _followed(marks: Mapping[str, int]) -> tuple[str, ...]:
    """Return the brands whose last mark, twice a time plus one, says that they are followed."""
    on = (brand for brand, mark in marks.items() if mark % 2 == 1)
    return tuple(sorted(on, key=lambda brand: (-marks[brand], brand))[:FOLLOWED_MAX])


def _consented(members: Members, rows: _Rows) -> set[Key]:
    """Return who may be offered something personal: members, where the terms say so."""
    tenants = {row["tenant"] for row in rows}
    return {
        key
        for key, identifiers in members.items()
        if key[0] in tenants and any(each.kind == "member" for each in identifiers)
    }


def _dwelt(rows: _Rows) -> dict[Key, dict[str, DwellFacts]]:
    found: dict[Key, dict[str, DwellFacts]] = {}
    for tenant, shopper, product, dwell_ms, dwelt_at in map(dict.values, rows):
        key = (str(tenant), UUID(str(shopper)).hex)
        found.setdefault(key, {})[str(product)] = DwellFacts(int(dwell_ms), int(dwelt_at))
    return found


_CONSENTS = (
    "SELECT tenant FROM tenant_setting WHERE members_consent AND tenant = ANY(%(tenants)s::text[])"
)
_THINGS = (
    "SELECT asked.tenant, asked.shopper"
    " FROM unnest(%(tenants)s::text[], %(shoppers)s::uuid[], %(atoms)s::uuid[])"
    " AS asked(tenant, shopper, atom) CROSS JOIN LATERAL (SELECT demoted FROM identifier"
    "  WHERE identifier.tenant = asked.tenant AND identifier.identifier = asked.atom OFFSET 0)"
    " AS known WHERE known.demoted"
)
# Dwell by product: what stood on the shelf, by its plan, shares the time equally. The plan is
# looked up when reading, so that a plan that is told late counts all the same.
_DWELLS = (
    "SELECT asked.tenant, asked.shopper, product,"  # noqa: S608 (a constant is put in)
    " sum(facts.dwell_ms / cardinality(shelf.products))::bigint AS dwell_ms,"
    " max(facts.dwelt_at) AS dwelt_at"
    f" FROM {_facts_of(ATOM_ZONE)}"
    " CROSS JOIN LATERAL (SELECT products FROM shelf_plan WHERE shelf_plan.tenant ="
    " facts.tenant AND shelf_plan.store IN (facts.store, '') AND shelf_plan.zone = facts.zone"
    " AND shelf_plan.plan = facts.plan ORDER BY shelf_plan.store DESC LIMIT 1) AS shelf"
    " CROSS JOIN LATERAL unnest(shelf.products) AS product"
    " GROUP BY asked.tenant, asked.shopper, product"
)
# One statement for all: seven would take as much longer as the client needs to send one.
_PARTS = [
    f"(SELECT coalesce(json_agg(part), '[]')::text FROM ({sql}) AS part)"  # noqa: S608
    for sql in (_CONSENTS, _THINGS, *map(merged_facts, ATOM_FACTS), _DWELLS)
]
_ASK = f"SELECT {', '.join(_PARTS)}"
