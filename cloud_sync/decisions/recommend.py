"""Which products a shopper is recommended: what goes with theirs, what they buy, what sells."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.profiles.profile import ProductFacts, Profile
from wire.views import Because, Recommendation

RECOMMENDED_MAX = 6
# What was bought within this time is never recommended.
JUST_BOUGHT_DAYS = 30
# The products of latest interest from which the search for company begins.
ANCHORS_MAX = 5
NEIGHBOURS_MAX = 20
BESTSELLERS_MAX = 20
OWN_TIMES_MIN = 2
# Goods of a series or topic that the shopper follows come first, so many of each and in all, and
# leave some room for what follows from their deeds.
TOPIC_GOODS_MAX = 20
FOLLOWED_FIRST_MAX = 3
# An order says more than a look: two products bought together count as this many looks.
BOUGHT_WEIGHT = 3


class Neighbour(NamedTuple):
    """A product that was viewed or bought together with another, and how often."""

    product: str
    viewed_together: int
    bought_together: int

    @property
    def weight(self) -> int:
        """Return how strongly the two belong together."""
        return self.viewed_together + BOUGHT_WEIGHT * self.bought_together


Neighbours = Mapping[str, Sequence[Neighbour]]
Bestsellers = Sequence[tuple[str, int]]
TopicGoods = Mapping[str, Sequence[str]]
"""The goods of series and topics by name."""
_NO_BRANDS: Mapping[str, str] = MappingProxyType({})
_NO_GOODS: TopicGoods = MappingProxyType({})


def anchors(profile: Profile) -> list[str]:
    """Return the products of latest interest, the latest first."""
    latest = {product: _interest_at(facts) for product, facts in profile.products.items()}
    return sorted(latest, key=lambda product: (-latest[product], product))[:ANCHORS_MAX]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """What speaks of goods to a shopper wherever they are: what goes with theirs, what they buy.

    `never` was just bought, and `own` holds nothing of it.
    """

    own: Sequence[tuple[str, Because]]
    never: Collection[str]


def taste_of(profile: Profile, neighbours: Neighbours, sold: Collection[str], now: int) -> Taste:
    """Return a shopper's taste at `now` (µs UTC), the best first."""
    begun = now - JUST_BOUGHT_DAYS * DAY_US
    never = {product for product, facts in profile.products.items() if facts.bought_at > begun}
    own: dict[str, Because] = {}
    for product, because in (*_company(profile, neighbours), *_own(profile)):
        if product in sold and product not in never:
            own.setdefault(product, because)
    return Taste(own=list(own.items()), never=never)


def recommend(
    profile: Profile,
    neighbours: Neighbours,
    bestsellers: Bestsellers,
    sold: Collection[str],
    now: int,
    brands: Mapping[str, str] = _NO_BRANDS,
    topic_goods: TopicGoods = _NO_GOODS,
) -> tuple[Recommendation, ...]:
    """Return what is recommended where these are the bestsellers, see `recommend_to`."""
    taste = taste_of(profile, neighbours, sold, now)
    return recommend_to(profile, taste, bestsellers, sold, brands, topic_goods)


def recommend_to(
    profile: Profile,
    taste: Taste,
    bestsellers: Bestsellers,
    sold: Collection[str],
    brands: Mapping[str, str] = _NO_BRANDS,
    topic_goods: TopicGoods = _NO_GOODS,
) -> tuple[Recommendation, ...]:
    """Return up to RECOMMENDED_MAX products with their reasons, the best first.

    First goods of the series and topics that the shopper follows, then what goes with the products
    of latest interest, then what the shopper buys again and again, then the bestsellers of the
    store, those of a brand that the shopper follows before the others; never what was just bought,
    nor what is not sold.
    """
    if not profile.consented:
        return ()
    first = [
        (product, because)
        for product, because in _followed(profile, bestsellers, topic_goods)
        if product in sold and product not in taste.never
    ]
    chosen: dict[str, Because] = dict(first[:FOLLOWED_FIRST_MAX])
    for product, because in chain(taste.own, _popular(profile, bestsellers, brands)):
        if len(chosen) >= RECOMMENDED_MAX:
            break
        if product in sold and product not in taste.never:
            chosen.setdefault(product, because)
    return tuple(Recommendation(product=each, because=why) for each, why in chosen.items())


def ask_neighbours(
    connection: Connection, tenant: str, products: Collection[str]
) -> Callable[[], dict[str, list[Neighbour]]]:
    """Ask for the strongest NEIGHBOURS_MAX neighbours of each product of a tenant."""
    rows = connection.execute(
        "SELECT asked.product, near.* FROM unnest(%s::text[])"
        " AS asked(product) CROSS JOIN LATERAL"
        " (SELECT other, sum(viewed_together)::bigint, sum(bought_together)::bigint"
        "  FROM product_pair WHERE product_pair.tenant = %s"
        "  AND product_pair.product = asked.product GROUP BY other"
        "  ORDER BY sum(viewed_together + %s * bought_together) DESC, other LIMIT %s) AS near",
        (arrays.texts(products), tenant, BOUGHT_WEIGHT, NEIGHBOURS_MAX),
    )

    def read() -> dict[str, list[Neighbour]]:
        found: dict[str, list[Neighbour]] = {product: [] for product in products}
        for product, other, viewed, bought in rows:
            found[product].append(Neighbour(other, viewed, bought))
        return found

    return read


def ask_bestsellers(
    connection: Connection, tenant: str, stores: Collection[str]
) -> Callable[[], dict[str, list[tuple[str, int]]]]:
    """Ask for the bestsellers of each store of a tenant with the pieces sold, the best first.

    For a store that has sold nothing, and for "", those of all its stores and the web shop.
    """
    rows = connection.execute(
        "SELECT asked.store, best.* FROM unnest(%s::text[]) AS asked(store)"
        " CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM store_product"
        "  WHERE store_product.tenant = %s AND store_product.store = asked.store"
        "  AND bought > returned) AS any) AS own"
        " CROSS JOIN LATERAL (SELECT product, sum(bought - returned)::bigint AS pieces"
        "  FROM store_product WHERE store_product.tenant = %s"
        "  AND (asked.store = '' OR NOT own.any OR store_product.store = asked.store)"
        "  GROUP BY product HAVING sum(bought - returned) > 0"
        "  ORDER BY pieces DESC, product LIMIT %s) AS best",
        (arrays.texts(stores), tenant, tenant, BESTSELLERS_MAX),
    )

    def read() -> dict[str, list[tuple[str, int]]]:
        found: dict[str, list[tuple[str, int]]] = {store: [] for store in stores}
        for store, product, count in rows:
            found[store].append((product, count))
        return found

    return read


def ask_topic_goods(
    connection: Connection, tenant: str, names: Collection[str]
) -> Callable[[], dict[str, list[str]]]:
    """Ask for the goods of each series or topic that has one of these names, by product number.

    Without names nothing is asked.
    """
    if not names:
        return dict
    rows = connection.execute(
        "SELECT asked.name, found.product FROM unnest(%s::text[]) AS asked(name)"
        " CROSS JOIN LATERAL (SELECT product FROM product WHERE tenant = %s AND active"
        "   AND series = asked.name AND series <> ''"
        "  UNION SELECT product FROM product WHERE tenant = %s AND active"
        "   AND topics @> ARRAY[asked.name] ORDER BY product LIMIT %s) AS found",
        (arrays.texts(names), tenant, tenant, TOPIC_GOODS_MAX),
    )

    def read() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, product in rows:
            found.setdefault(name, []).append(product)
        return found

    return read


def _followed(
    profile: Profile, bestsellers: Bestsellers, topic_goods: TopicGoods
) -> list[tuple[str, Because]]:
    """Return the goods of what is followed: the name followed last first, of it what sells best."""
    rank = {product: place for place, (product, _) in enumerate(bestsellers)}
    return [
        (product, Because(reason="followed_topic", category=name))
        for name in profile.followed
        for product in sorted(
            topic_goods.get(name, ()), key=lambda each: (rank.get(each, len(rank)), each)
        )
    ]


def _company(profile: Profile, neighbours: Neighbours) -> list[tuple[str, Because]]:
    """Return what goes with the anchors, weights of several anchors added, the heaviest first.

    The reason names the anchor that weighs most.
    """
    own = anchors(profile)
    weights: dict[str, int] = {}
    strongest: dict[str, tuple[int, Because]] = {}
    for anchor in own:
        for near in neighbours.get(anchor, ()):
            if near.product in own:
                continue
            weights[near.product] = weights.get(near.product, 0) + near.weight
            if near.weight > strongest.get(near.product, (0,))[0]:
                strongest[near.product] = (near.weight, _because(anchor, near))
    order = sorted(weights, key=lambda product: (-weights[product], product))
    return [(product, strongest[product][1]) for product in order]


def _because(anchor: str, near: Neighbour) -> Because:
    if near.bought_together:
        return Because(reason="bought_together", product=anchor, count=near.bought_together)
    return Because(reason="viewed_together", product=anchor, count=near.viewed_together)


def _own(profile: Profile) -> list[tuple[str, Because]]:
    """Return what the shopper buys again and again, the most often bought first."""
    bought = {
        product: facts for product, facts in profile.products.items() if facts.kept >= OWN_TIMES_MIN
    }
    order = sorted(bought, key=lambda product: (-bought[product].kept, product))
    return [
        (
            product,
            Because(
                reason="bought",
                product=product,
                count=bought[product].kept,
                at=bought[product].bought_at,
            ),
        )
        for product in order
    ]


def _popular(
    profile: Profile, bestsellers: Bestsellers, brands: Mapping[str, str]
) -> Iterator[tuple[str, Because]]:
    """Yield the bestsellers, those of followed brands first."""
    followed = frozenset(profile.followed)
    ours = [each for each in bestsellers if brands.get(each[0]) in followed] if followed else []
    for product, count in ours:
        yield product, Because(reason="followed", count=count)
    for product, count in bestsellers:
        if not followed or brands.get(product) not in followed:
            yield product, Because(reason="popular", count=count)


def _interest_at(facts: ProductFacts) -> int:
    saved_at = facts.saved_at if facts.saved else 0
    return max(facts.viewed_at, facts.tried_at, facts.bought_at, saved_at)
