"""Any number of shoppers with a past, put into the real tables by one statement a table."""

import hashlib
from collections.abc import Iterator, Sequence

import psycopg

from benchmarks import backlog
from cloud_sync.flow.audiences import Audience, Condition
from cloud_sync.shoppers.atoms.facts import DAY_US
from wire.identifiers import Identifier, identifier_id, key_identifier
from wire.views import Because, ShopperView, encode_view

NOBODY = "0" * 32
# Of so many members one has bought, and one has the app, too.
BUYER_EVERY = 3
APP_EVERY = 2
CAME_DAYS, APP_DAYS = 12, 40
INTERESTED, PASSING = "interested", "passing"
AUDIENCES = (
    Audience(name=INTERESTED, stage="interest"),
    Audience(name=PASSING, conditions=(Condition(act="saved", never=True, days=90),)),
)
# Who has bought is at least interested, and nobody has saved anything yet.
_AUDIENCES_OF = {"purchase": (INTERESTED, PASSING), "awareness": (PASSING,)}

# Everybody looked at something once, not twice within thirty days: who did not buy is at awareness.
_SEED = """
INSERT INTO product (tenant, product, name, brand, category, price_cents, currency)
    SELECT %(tenant)s, product, '{"en": "thing"}', 'maru', 'things', 12900, 'CNY'
    FROM unnest(%(goods)s::text[]) AS product ON CONFLICT DO NOTHING;
INSERT INTO identifier (tenant, identifier, kind, value, shopper)
    SELECT %(tenant)s, member, 'member', member_value, member FROM seed
    UNION ALL SELECT %(tenant)s, app, 'app', app_value, member FROM seed WHERE app IS NOT NULL
    ORDER BY 2;
INSERT INTO link (tenant, identifier, other, shard, position, evidence, source, occurred_at)
    SELECT %(tenant)s, app, member, 1, n, 'viewed', 'app', %(long_ago)s
    FROM seed WHERE app IS NOT NULL ORDER BY app;
INSERT INTO atom_act (tenant, atom, day, act, place, subject, times, amount, first_at, last_at)
    SELECT %(tenant)s, atom, at / %(day_us)s, act, place, subject, 1, 0, at, at FROM (
        SELECT member AS atom, 'arrived' AS act, store AS place, '' AS subject,
            %(then)s AS at FROM seed
        UNION ALL SELECT member, 'viewed', store, 'product:' || product, %(then)s FROM seed
        UNION ALL SELECT app, 'viewed', '@app', 'product:' || other, %(long_ago)s FROM seed
            WHERE app IS NOT NULL
    ) AS done ORDER BY atom;
INSERT INTO atom_product (tenant, atom, product, times, views, tries, bought, returned, viewed_at,
    viewed_online_at, tried_at, saved_mark)
    SELECT %(tenant)s, member, product, 1, 1, 0, buys::int, 0, %(then)s, 0, 0, 0
    FROM seed
    UNION ALL SELECT %(tenant)s, app, other, 1, 1, 0, 0, 0, %(long_ago)s, %(long_ago)s, 0, 0
    FROM seed WHERE app IS NOT NULL ORDER BY 2;
INSERT INTO atom_store (tenant, atom, store, seen_at)
    SELECT %(tenant)s, member, store, %(then)s FROM seed ORDER BY member;
INSERT INTO atom_order (tenant, atom, number, subject, day, place, currency, bought, returned,
    paid_cents, refunded_cents, bought_at)
    SELECT %(tenant)s, member, 'seed-' || n, part.subject, %(then)s / %(day_us)s, store, 'CNY',
        1, 0, 12900, 0, %(then)s
    FROM seed, LATERAL (VALUES (''), ('product:' || product)) AS part (subject)
    WHERE buys ORDER BY member;
INSERT INTO prepared (tenant, shopper, view, coupons, prepared_at, by_terms)
    SELECT %(tenant)s, member, CASE WHEN buys THEN %(bought_before)s::bytea
        ELSE %(before)s::bytea END || convert_to(replace(member::text, '-', ''), 'UTF8')
        || CASE WHEN buys THEN %(bought_after)s::bytea ELSE %(after)s::bytea END,
        '{}', %(then)s, true
    FROM seed ORDER BY member;
INSERT INTO shopper_view (tenant, identifier, store, checksum)
    SELECT %(tenant)s, member, store, substr(member_value, 1, 8) FROM seed ORDER BY member;
INSERT INTO store_product (tenant, store, product, bought, returned)
    SELECT %(tenant)s, store, product, count(*), 0 FROM seed WHERE buys GROUP BY store, product;
INSERT INTO connector (tenant, connector)
    SELECT %(tenant)s, unnest(%(connectors)s::text[]) ON CONFLICT DO NOTHING;
INSERT INTO connector_told (tenant, connector, shopper, checksum, told_at)
    SELECT %(tenant)s, connector, member, CASE WHEN buys THEN %(bought_told)s::bytea
        ELSE %(told)s::bytea END, %(then)s
    FROM seed, unnest(%(connectors)s::text[]) AS connector ORDER BY member
"""


def member(number: int) -> Identifier:
    """Return the membership of the shopper of a number, the first of which is 0."""
    return key_identifier("member", f"M{number:08}", key=backlog.KEY)


def is_buyer(number: int) -> bool:
    """Tell whether the shopper of a number has bought, and so is past interest."""
    return number % BUYER_EVERY == 0


def fill(
    dsn: str,
    tenant: str,
    count: int,
    *,
    now: int,
    stores: Sequence[str],
    goods: Sequence[str],
    connectors: Sequence[str] = (),
) -> None:
    """Give a tenant `count` shoppers, each of whom came to a store CAME_DAYS before `now`, µs UTC.

    Each connector has told of all of them.
    """
    bought, known = _view("purchase", now), _view("awareness", now)
    values = {
        "tenant": tenant,
        "then": now - CAME_DAYS * DAY_US,
        "long_ago": now - APP_DAYS * DAY_US,
        "day_us": DAY_US,
        "goods": list(goods),
        "connectors": list(connectors),
        "bought_before": bought[0],
        "bought_after": bought[1],
        "before": known[0],
        "after": known[1],
        "bought_told": _told("purchase"),
        "told": _told("awareness"),
    }
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE TEMPORARY TABLE seed (n int, member uuid, member_value bytea, app uuid,"
            " app_value bytea, store text, product text, other text, buys boolean)"
        )
        with connection.cursor() as cursor, cursor.copy("COPY seed FROM STDIN") as copy:
            for row in _rows(count, stores, goods):
                copy.write_row(row)
        # A crash would cost a benchmark, no events.
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET work_mem = '256MB'")
        for statement in _SEED.split(";\n"):
            connection.execute(statement.encode(), values)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _rows(count: int, stores: Sequence[str], goods: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        one = member(number)
        app: tuple[str | None, bytes | None] = (None, None)
        if number % APP_EVERY == 0:
            other = key_identifier("app", f"app-{number}", key=backlog.KEY)
            app = (identifier_id(other), other.value)
        about = (goods[number % len(goods)], goods[(number + 7) % len(goods)])
        store = stores[number % len(stores)]
        yield number, identifier_id(one), one.value, *app, store, *about, is_buyer(number)


def _view(stage: str, now: int) -> tuple[bytes, bytes]:
    """Return what stands before and after the shopper's ID in an encoded view."""
    because = Because(reason="seen", at=(now // DAY_US - CAME_DAYS) * DAY_US)
    view = ShopperView(shopper=NOBODY, stage=stage, because=because, consented=True)
    before, _, after = encode_view(view).partition(NOBODY.encode())
    return before, after


def _told(stage: str) -> bytes:
    said = repr((stage, tuple(sorted(_AUDIENCES_OF[stage]))))
    return hashlib.blake2b(said.encode(), digest_size=8).digest()
