"""A shopper's profile: the merge of the facts of all its identifiers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import Struct, json
from psycopg import Connection

from cloud_sync.database.fact_table import FactTable, Row
from cloud_sync.shoppers.atoms.facts import (
    ATOM_ACT,
    ATOM_BRAND,
    ATOM_PRODUCT,
    ATOM_STORE,
    ATOM_ZONE,
)
from cloud_sync.shoppers.consent.consents import OFFERS, PROFILING, TERMS, WORDS, Consented, merged
from cloud_sync.shoppers.graph.identity import Key, Members, atoms_of
from cloud_sync.shoppers.profiles.kept_orders import ORDERED, ORDERS, kept_orders
from cloud_sync.shoppers.profiles.points import PointRules, Standing, standing_of
from cloud_sync.shoppers.profiles.stage_rules import STAGE_RULES, StageRule

# Stores are told the brands followed last; whoever follows more sees the others as not followed.
FOLLOWED_MAX = 100

_OWNER = ("tenant", "atom")
_ACT_KEYS = ("day", "act")
_Rows = list[dict[str, str | int]]


class _Rules(Struct, frozen=True):
    """What a tenant has set that counts for its shoppers; null where it has not."""

    stages: tuple[StageRule, ...] | None = None
    points: PointRules | None = None


_NO_RULES = _Rules()


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
    """What may be known of one shopper, and whether it may be used for personal offers.

    What the shopper does not allow is not in it, so that nothing can be decided from it: without
    offers only where they were seen, without profiling only what they saved and followed.
    `by_terms` tells that offers rest on the membership terms alone. `acts` are by day and act;
    `bought` counts orders that did not come back whole. `stage_rules` are those of the shopper's
    tenant. `followed` are brands and series, those followed last first, FOLLOWED_MAX at most.
    `standing` is None where the tenant gives no points; points are owed by the terms of membership,
    so it is there without consent, too.
    `shared` is a thing that many people use: what it did is nobody's, and it is offered nothing.
    """

    consented: bool = False
    by_terms: bool = True
    shared: bool = False
    acts: Mapping[tuple[int, str], ActFacts] = field(default_factory=dict)
    products: Mapping[str, ProductFacts] = field(default_factory=dict)
    followed: Sequence[str] = ()
    dwelt: Mapping[str, DwellFacts] = field(default_factory=dict)
    money: Mapping[str, MoneyFacts] = field(default_factory=dict)
    stores: Mapping[str, int] = field(default_factory=dict)
    stage_rules: Sequence[StageRule] = STAGE_RULES
    standing: Standing | None = None

    @property
    def last_store(self) -> str:
        """Return the store where the shopper was last seen, empty when in none."""
        return max(self.stores, key=lambda store: (self.stores[store], store), default="")


def profiles_of(connection: Connection, members: Members) -> dict[Key, Profile]:
    """Return the profiles of shoppers, given with their identifiers (see identity.members_of)."""
    return ask_profiles(connection, members)()


def ask_profiles(connection: Connection, members: Members) -> Callable[[], dict[Key, Profile]]:
    """Ask for `profiles_of`, all in one statement; the answer is read when it is called for."""
    ask = _ask(connection, members)

    def read() -> dict[Key, Profile]:
        whole, consents = ask()
        return {key: _allowed(each, consents[key]) for key, each in whole.items()}

    return read


def whole_profiles_of(connection: Connection, members: Members) -> dict[Key, Profile]:
    """Return profiles with all that is known: for the shopper themselves, and for nobody else."""
    return _ask(connection, members)()[0]


def _ask(
    connection: Connection, members: Members
) -> Callable[[], tuple[dict[Key, Profile], dict[Key, dict[str, Consented]]]]:
    tenants, shoppers, atoms = atoms_of(members)
    asked = {"tenants": tenants, "shoppers": shoppers, "atoms": atoms}
    answers = connection.execute(_ASK.encode(), asked)

    def read() -> tuple[dict[Key, Profile], dict[Key, dict[str, Consented]]]:
        parts = answers.fetchone() or ()
        terms, words, things, acted, *facts, dwells, spent = [
            json.decode(part, type=_Rows) for part in parts[:-1]
        ]
        shared = {(str(row["tenant"]), _hex(row["shopper"])) for row in things}
        consents = consents_in(members, terms, words)
        acts = _found(len(_ACT_KEYS), acted)
        products, brands, money, stores = [_found(1, rows) for rows in facts]
        points = {key: values[0] for key, [(_, values)] in _found(0, spent).items()}
        rules = json.decode(parts[-1], type=dict[str, _Rules])
        dwelt = _dwelt(dwells)
        whole = {
            key: Profile(
                consented=consents[key][OFFERS].given and key not in shared,
                by_terms=consents[key][OFFERS].by == "terms",
                shared=key in shared,
                acts={
                    (int(day), str(act)): ActFacts(*row) for (day, act), row in acts.get(key, [])
                },
                products={str(one): ProductFacts(*row) for (one,), row in products.get(key, [])},
                followed=_followed({str(one): row[0] for (one,), row in brands.get(key, [])}),
                dwelt=dwelt.get(key, {}),
                money=(paid := _money(money.get(key, []))),
                stores={str(one): row[0] for (one,), row in stores.get(key, [])},
                stage_rules=rules.get(key[0], _NO_RULES).stages or STAGE_RULES,
                standing=_standing(paid, points.get(key, 0), rules.get(key[0], _NO_RULES).points),
            )
            for key in members
        }
        return whole, consents

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


def merged_facts(table: FactTable, rows: str = "true", keys: Sequence[str] = ()) -> str:
    """Return the statement that merges rows of a fact table over each shopper's identifiers.

    Those that differ in none of `keys` are merged, which are all keys of the table if not given.
    """
    named = keys or [name for name in table.keys if name not in _OWNER]
    by = ", ".join(("asked.tenant", "asked.shopper", *(f"facts.{name}" for name in named)))
    merges = [f"sum(facts.{name})::bigint AS {name}" for name in table.sums]
    merges += [f"max(facts.{name}) AS {name}" for name in table.latest]
    merges += [f"min(facts.{name}) AS {name}" for name in table.earliest]
    return (
        f"SELECT {by}, {', '.join(merges)} FROM {_facts_of(table)}"  # noqa: S608
        f" WHERE {rows} GROUP BY {by}"
    )


def _facts_of(table: FactTable) -> str:
    """Return the rows of atoms by a lateral query, as identity.py says."""
    return (
        "unnest(%(tenants)s::text[], %(shoppers)s::uuid[], %(atoms)s::uuid[])"  # noqa: S608
        f" AS asked(tenant, shopper, atom) CROSS JOIN LATERAL (SELECT * FROM {table.name} AS fact"
        "  WHERE fact.tenant = asked.tenant AND fact.atom = asked.atom OFFSET 0) AS facts"
    )


def _found(keys: int, rows: _Rows) -> dict[Key, list[tuple[Row, tuple[int, ...]]]]:
    """Return keys and values of rows by shopper; `keys` is how many columns are their key."""
    found: dict[Key, list[tuple[Row, tuple[int, ...]]]] = {}
    for tenant, shopper, *row in map(dict.values, rows):
        key = (str(tenant), _hex(shopper))
        found.setdefault(key, []).append((tuple(row[:keys]), tuple(map(int, row[keys:]))))
    return found


def _hex(shopper: object) -> str:
    """Return an id that PostgreSQL wrote without its dashes, which is far cheaper than a UUID."""
    return str(shopper).replace("-", "")


def _money(rows: Sequence[tuple[Row, tuple[int, ...]]]) -> dict[str, MoneyFacts]:
    return {str(one): MoneyFacts(*row) for (one,), row in rows}


def _standing(
    money: Mapping[str, MoneyFacts], spent: int, rules: PointRules | None
) -> Standing | None:
    kept = {name: each.paid_cents - each.refunded_cents for name, each in money.items()}
    return standing_of(kept, spent, rules)


def _followed(marks: Mapping[str, int]) -> tuple[str, ...]:
    """Return the brands whose last mark, twice a time plus one, says that they are followed."""
    on = (brand for brand, mark in marks.items() if mark % 2 == 1)
    return tuple(sorted(on, key=lambda brand: (-marks[brand], brand))[:FOLLOWED_MAX])


def _allowed(whole: Profile, consents: Mapping[str, Consented]) -> Profile:
    """Return of a profile what its shopper allows: the gate through which all decisions go."""
    if not whole.consented:
        return Profile(stores=whole.stores, shared=whole.shared, standing=_owed(whole))
    if consents[PROFILING].given:
        return whole
    saved = {
        product: ProductFacts(saved_mark=facts.saved_mark)
        for product, facts in whole.products.items()
        if facts.saved
    }
    return Profile(
        consented=True,
        by_terms=whole.by_terms,
        products=saved,
        followed=whole.followed,
        stores=whole.stores,
        standing=_owed(whole),
    )


def _owed(whole: Profile) -> Standing | None:
    """Return the points that the membership owes a shopper; nobody's where many use the code."""
    return None if whole.shared else whole.standing


def consents_in(members: Members, terms: _Rows, words: _Rows) -> dict[Key, dict[str, Consented]]:
    """Return what shoppers allow, by purpose, from the rows of one answer."""
    said = [
        (
            str(tenant),
            _hex(shopper),
            str(purpose),
            int(mark),
            str(version),
            str(via),
            str(place),
        )
        for tenant, shopper, purpose, mark, version, via, place in map(dict.values, words)
    ]
    agreed = ((str(row["tenant"]), str(row["purpose"])) for row in terms)
    return merged(members, agreed, said)


def _dwelt(rows: _Rows) -> dict[Key, dict[str, DwellFacts]]:
    found: dict[Key, dict[str, DwellFacts]] = {}
    for tenant, shopper, product, dwell_ms, dwelt_at in map(dict.values, rows):
        key = (str(tenant), _hex(shopper))
        found.setdefault(key, {})[str(product)] = DwellFacts(int(dwell_ms), int(dwelt_at))
    return found


# When a product was bought last is known by the orders that it was part of.
_PRODUCTS = (
    f"SELECT tenant, shopper, product, {', '.join(ATOM_PRODUCT.sums)}, viewed_at,"  # noqa: S608
    " viewed_online_at, tried_at, coalesce(bought_at, 0) AS bought_at, saved_mark"
    f" FROM ({merged_facts(ATOM_PRODUCT)}) AS fact LEFT JOIN (SELECT tenant, shopper,"
    "  split_part(substr(subject, 9), '|', 1) AS product, max(bought_at) AS bought_at FROM ordered"
    "  WHERE bought > 0 AND subject LIKE 'product:%%' GROUP BY 1, 2, 3) AS sold"
    " USING (tenant, shopper, product)"
)
# Of each currency: how many orders count, and all that was paid and refunded.
_MONEY = (
    "SELECT tenant, shopper, currency, sum(orders)::bigint AS orders,"  # noqa: S608
    " sum(paid_cents)::bigint AS paid_cents, sum(refunded_cents)::bigint AS refunded_cents FROM"
    " (SELECT tenant, shopper, currency, 0 AS orders, paid_cents, refunded_cents"
    f" FROM ({ORDERS}) AS told UNION ALL SELECT tenant, shopper, currency, times, 0, 0"
    f" FROM ({kept_orders(ORDERS, 'tenant, shopper, currency')}) AS kept) AS part"
    " WHERE currency <> '' GROUP BY tenant, shopper, currency"
)
_NOT_BOUGHT = "facts.act <> 'bought'"
_ACTS = (
    f"{merged_facts(ATOM_ACT, _NOT_BOUGHT, _ACT_KEYS)} UNION ALL"  # noqa: S608
    " SELECT tenant, shopper, day, 'bought', sum(times)::bigint, sum(amount)::bigint,"
    f" max(bought_at), min(bought_at) FROM ({kept_orders(ORDERS, 'tenant, shopper')}) AS kept"
    " GROUP BY tenant, shopper, day"
)
_RULES = (
    "(SELECT coalesce(json_object_agg(tenant,"
    "  json_build_object('stages', stage_rules, 'points', point_rules)), '{}')::text"
    " FROM tenant_setting WHERE coalesce(stage_rules, point_rules) IS NOT NULL"
    " AND tenant = ANY(%(tenants)s::text[]))"
)
# Points that were spent for an order come back with it: by how much of its money was refunded, or
# of an order without money by how many of its goods came back.
_SPENT = (
    "SELECT asked.tenant, asked.shopper, sum(spent.points - coalesce(div(spent.points"
    "  * least(whole.back, whole.total), nullif(whole.total, 0)), 0))::bigint AS points"
    " FROM unnest(%(tenants)s::text[], %(shoppers)s::uuid[], %(atoms)s::uuid[])"
    "  AS asked(tenant, shopper, atom) CROSS JOIN LATERAL"
    " (SELECT points, reference FROM point_spend WHERE point_spend.tenant = asked.tenant"
    "  AND point_spend.atom = asked.atom OFFSET 0) AS spent"
    " LEFT JOIN (SELECT tenant, shopper, left(number, 64) AS reference,"
    "  CASE WHEN sum(paid_cents) FILTER (WHERE subject = '') > 0"
    "   THEN sum(refunded_cents) FILTER (WHERE subject = '')"
    "   ELSE count(DISTINCT subject) FILTER (WHERE subject <> '' AND returned > 0) END AS back,"
    "  CASE WHEN sum(paid_cents) FILTER (WHERE subject = '') > 0"
    "   THEN sum(paid_cents) FILTER (WHERE subject = '')"
    "   ELSE count(DISTINCT subject) FILTER (WHERE subject <> '' AND bought > 0) END AS total"
    "  FROM ordered GROUP BY 1, 2, 3) AS whole ON whole.tenant = asked.tenant"
    "  AND whole.shopper = asked.shopper AND whole.reference = spent.reference"
    " GROUP BY asked.tenant, asked.shopper"
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
    for sql in (
        *(TERMS, WORDS, _THINGS, _ACTS, _PRODUCTS, merged_facts(ATOM_BRAND)),
        *(_MONEY, merged_facts(ATOM_STORE), _DWELLS, _SPENT),
    )
]
_ASK = f"WITH {ORDERED} SELECT {', '.join((*_PARTS, _RULES))}"
