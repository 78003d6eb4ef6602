"""Prices as they were shown, by product, channel and hour, and where two channels disagreed.

The same goods cost the same everywhere, or somebody should know: a channel is a store, by its name,
or an online channel, by its source. What a coupon takes off is no price of the goods.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.reports.store_hour import HOUR_US
from cloud_sync.shoppers.atoms.acts import AMOUNT_CENTS_MAX
from cloud_sync.shoppers.atoms.by_kind import by_kind
from cloud_sync.shoppers.atoms.facts import CURRENCY, PRODUCT
from wire.events import Viewed

# A price holds until the channel shows another one, and so long after it was shown last.
HOLDS_US = 24 * HOUR_US

_Key = tuple[int, str, str, str, int, int, str]


class Shown(NamedTuple):
    """A price that a channel showed, from the first time in an hour to the last."""

    channel: str
    price_cents: int
    currency: str
    first_at: int
    last_at: int


class Held(NamedTuple):
    """A price as it held in a channel, from one moment until another (µs UTC)."""

    channel: str
    price_cents: int
    currency: str
    since: int
    until: int


class Price(NamedTuple):
    """A price, and the channels in which it held, by name."""

    price_cents: int
    currency: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A time in which channels held different prices of a product (µs UTC); the cheapest first."""

    product: str
    since: int
    until: int
    prices: tuple[Price, ...]

    @property
    def lasted_s(self) -> float:
        """Return how long they differed, in seconds."""
        return (self.until - self.since) / 1_000_000


def fold(connection: Connection, events: Sequence[LedgerEvent]) -> None:
    """Note the prices that events show, in the caller's transaction."""
    rows: dict[_Key, list[int]] = {}
    for each, at in by_kind(events).get(Viewed, ()):
        body = each.event.body
        if not isinstance(body, Viewed) or body.price_cents <= 0:
            continue
        if not (PRODUCT.fullmatch(body.product) and CURRENCY.fullmatch(body.currency)):
            continue
        cents = min(body.price_cents, AMOUNT_CENTS_MAX)
        channel = each.store or each.source
        hour = at // HOUR_US * HOUR_US
        key = (each.shard, each.tenant, body.product, channel, hour, cents, body.currency)
        held = rows.setdefault(key, [0, at, at])
        held[:] = [held[0] + 1, min(held[1], at), max(held[2], at)]
    if not rows:
        return
    ordered = sorted(rows)
    columns = list(zip(*ordered, strict=True))
    values = zip(*map(rows.__getitem__, ordered), strict=True)
    connection.execute(
        "INSERT INTO price_shown AS held (shard, tenant, product, channel, hour, price_cents,"
        " currency, times, first_at, last_at) SELECT * FROM unnest(%s::smallint[], %s::text[],"
        " %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[],"
        " %s::bigint[], %s::bigint[]) ON CONFLICT (shard, tenant, product, channel, hour,"
        " price_cents, currency) DO UPDATE SET times = held.times + excluded.times,"
        " first_at = least(held.first_at, excluded.first_at),"
        " last_at = greatest(held.last_at, excluded.last_at)",
        [*map(_array, columns), *map(arrays.numbers, values)],
    )


def differences(
    connection: Connection, tenant: str, since: int, until: int
) -> tuple[int, list[Difference]]:
    """Return how many products were shown in [since, until) (µs UTC), and where prices differed."""
    rows = connection.execute(
        "SELECT product, channel, price_cents, currency, first_at, last_at FROM price_shown"
        " WHERE tenant = %s AND hour >= %s AND hour < %s ORDER BY product, channel, first_at",
        (tenant, since - HOLDS_US, until),
    )
    by_product: dict[str, list[Shown]] = defaultdict(list)
    for product, *shown in rows:
        by_product[product].append(Shown(*shown))
    found = [
        each
        for product in sorted(by_product)
        for each in differing(product, held(by_product[product]), since, until)
    ]
    return len(by_product), found


def held(shown: Iterable[Shown]) -> list[Held]:
    """Return how long each price held that channels showed."""
    found: list[Held] = []
    ordered = sorted(shown, key=lambda each: (each.channel, each.first_at, each.last_at))
    for channel, those in itertools.groupby(ordered, key=lambda each: each.channel):
        run: Held | None = None
        for each in those:
            until = each.last_at + HOLDS_US
            if run is not None and run[1:3] == each[1:3] and each.first_at <= run.until:
                run = run._replace(until=max(run.until, until))
                continue
            if run is not None and run.since < each.first_at:
                found.append(run._replace(until=min(run.until, each.first_at)))
            run = Held(channel, each.price_cents, each.currency, each.first_at, until)
        if run is not None:
            found.append(run)
    return found


def differing(product: str, prices: Sequence[Held], since: int, until: int) -> Iterator[Difference]:
    """Yield each time in which channels held different prices, within [since, until)."""
    holding: set[Held] = set()
    moments = sorted({each.since for each in prices} | {each.until for each in prices} | {until})
    begins, ends = defaultdict(list), defaultdict(list)
    for each in prices:
        begins[each.since].append(each)
        ends[each.until].append(each)
    before = since
    for moment in moments:
        if before < min(moment, until) and len({each[1:3] for each in holding}) > 1:
            yield Difference(
                product=product,
                since=before,
                until=min(moment, until),
                prices=_prices(holding),
            )
        holding.difference_update(ends[moment])
        holding.update(begins[moment])
        before = max(moment, since)


def _prices(holding: Iterable[Held]) -> tuple[Price, ...]:
    channels: dict[tuple[int, str], list[str]] = defaultdict(list)
    for each in holding:
        channels[each.price_cents, each.currency].append(each.channel)
    return tuple(
        Price(cents, currency, tuple(sorted(channels[cents, currency])))
        for cents, currency in sorted(channels)
    )


def _array(column: Sequence[int | str]) -> str:
    if isinstance(column[0], int):
        return arrays.numbers(map(int, column))
    return arrays.texts(map(str, column))
