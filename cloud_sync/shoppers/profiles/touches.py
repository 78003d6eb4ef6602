"""What a shopper did day by day and about what: read for traits, not for every decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg import Connection

from cloud_sync.shoppers.graph.identity import Key, Members, atoms_of
from cloud_sync.shoppers.profiles.kept_orders import ORDERED, ORDERS, kept_orders


class Touch(NamedTuple):
    """One deed of a day about one subject (see subjects.py), how often, its amount, when last."""

    day: int
    act: str
    place: str
    subject: str
    times: int
    amount: int
    last_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """What the vocabulary says of a product or a piece of content."""

    brand: str = ""
    category: str = ""
    series: str = ""
    form: str = ""
    topics: Sequence[str] = ()
    price_cents: int = 0

    @property
    def names(self) -> list[tuple[str, str]]:
        """Return the topics that it has, each with its kind."""
        said = (
            ("brand", self.brand),
            ("category", self.category),
            ("series", self.series),
            ("form", self.form),
            *(("topic", name) for name in self.topics),
        )
        return [(kind, name) for kind, name in said if name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The topics of a tenant: how its products and content are tagged, by number and id.

    `known` finds a topic by the name that somebody followed or searched for, in any case.
    """

    products: Mapping[str, Tagged]
    contents: Mapping[str, Tagged]
    known: Mapping[str, tuple[str, str]]


_TOUCHES = f"""
WITH {ORDERED}
SELECT tenant, shopper, day, act, place, subject, sum(times)::bigint, sum(amount)::bigint,
    max(last_at)
FROM (
    SELECT asked.tenant, asked.shopper, day, act, place, subject, times, amount, last_at
    FROM unnest(%(tenants)s::text[], %(shoppers)s::uuid[], %(atoms)s::uuid[])
        AS asked (tenant, shopper, atom)
    CROSS JOIN LATERAL (SELECT * FROM atom_act AS fact WHERE fact.tenant = asked.tenant
        AND fact.atom = asked.atom AND act <> 'bought') AS deed
    UNION ALL SELECT tenant, shopper, day, 'bought', place, '', times, amount, bought_at
    FROM ({kept_orders(ORDERS, "tenant, shopper")}) AS kept
    UNION ALL SELECT tenant, shopper, day, 'bought', place, subject, bought, paid_cents, bought_at
    FROM ordered WHERE subject <> '' AND bought > 0
) AS fact
GROUP BY tenant, shopper, day, act, place, subject ORDER BY day, act, place, subject
"""  # noqa: S608 (statements and names are put together, no values)


def touches_of(connection: Connection, members: Members) -> dict[Key, list[Touch]]:
    """Return all touches of shoppers, given with their identifiers, by day, act and subject.

    What was bought is among them twice: each order that did not come back as a whole, which is
    about nothing in particular, and each part of any order.
    """
    tenants, shoppers, atoms = atoms_of(members)
    asked = {"tenants": tenants, "shoppers": shoppers, "atoms": atoms}
    rows = connection.execute(_TOUCHES.encode(), asked)
    found: dict[Key, list[Touch]] = {key: [] for key in members}
    for tenant, shopper, *touch in rows:
        found[tenant, shopper.hex].append(Touch(*touch))
    return found


def vocabulary_of(connection: Connection, tenant: str) -> Vocabulary:
    """Return the whole vocabulary of a tenant: of all goods that ever stood in its catalogue."""
    products = {
        product: Tagged(
            brand=brand, category=category, series=series, topics=topics, price_cents=price
        )
        for product, brand, category, series, topics, price in connection.execute(
            "SELECT product, brand, category, series, topics, price_cents FROM product"
            " WHERE tenant = %s",
            (tenant,),
        )
    }
    contents = {
        content: Tagged(brand=brand, series=series, form=form, topics=topics)
        for content, brand, series, form, topics in connection.execute(
            "SELECT content, brand, series, form, topics FROM content WHERE tenant = %s",
            (tenant,),
        )
    }
    return Vocabulary(products=products, contents=contents, known=known_names(products, contents))


def known_names(*tagged: Mapping[str, Tagged]) -> dict[str, tuple[str, str]]:
    """Return each topic by its name; where two kinds share one, a brand before a series, and so on.

    Forms of content are no names that somebody would search for.
    """
    order = ("topic", "category", "series", "brand")
    names = {name for some in tagged for each in some.values() for name in each.names}
    ranked = sorted((name for name in names if name[0] in order), key=lambda n: order.index(n[0]))
    return {name.casefold(): (kind, name) for kind, name in ranked}


def topics_of(touch: Touch, vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """Return the topics that a touch is about, each with its kind."""
    kind, _, name = touch.subject.partition(":")
    found: Tagged | None = None
    match kind:
        case "brand":
            found = Tagged(brand=name)
        case "product":
            number, _, said = name.partition("|")
            found = vocabulary.products.get(number, Tagged(brand=said))
        case "content":
            found = vocabulary.contents.get(name)
        case "name" | "query":
            known = vocabulary.known.get(name.casefold())
            return [known] if known else []
    return found.names if found else []
