"""Identity: who is joined, who never is, and what stays resolvable."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import Connection

from cloud_sync.database.database import Database
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.decisions.decide import decide
from cloud_sync.shoppers.graph import said
from cloud_sync.shoppers.graph.identity import (
    IDENTIFIERS_PER_EVENT_MAX,
    members_of,
    merged,
    recognised,
    shoppers_of,
)
from tests.edge_store import ANNA, a_shop
from tests.shopper_builders import (
    NOW,
    TENANT,
    app,
    at_once,
    fold_all,
    happened,
    member,
    rolled_back,
    sell_sample,
    shopper_of,
    web,
)
from wire.events import Arrival, Viewed
from wire.identifiers import NEVER_IDENTIFIERS, Identifier, identifier_id
from wire.views import decode_view


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        yield one


def test_two_identifiers_in_one_event_are_one_shopper(connection: Connection):
    fold_all(connection, [happened(Viewed(), web("cookie"), member("M1"), store=None)])
    assert shopper_of(connection, web("cookie")) == shopper_of(connection, member("M1"))


def test_identifiers_that_never_met_stay_apart(connection: Connection):
    fold_all(connection, [happened(Arrival(), member("M1")), happened(Arrival(), member("M2"))])
    assert shopper_of(connection, member("M1")) != shopper_of(connection, member("M2"))


@pytest.mark.parametrize("kind", [*sorted(NEVER_IDENTIFIERS), "kiosk_id", ""])
def test_what_stands_in_a_shop_joins_nobody_whoever_sends_it(connection: Connection, kind: str):
    shared = Identifier(kind=kind, value=b"k" * 16)
    events = [happened(Arrival(), member(code), shared) for code in ("M1", "M2", "M3")]
    fold_all(connection, [*events, happened(Viewed(), shared, store=None)])
    assert len({shopper_of(connection, member(code)) for code in ("M1", "M2", "M3")}) == 3
    kinds = {row[0] for row in connection.execute("SELECT DISTINCT kind FROM identifier")}
    assert kinds == {"member"}


def test_a_value_that_is_not_keyed_is_no_identifier(connection: Connection):
    plain = Identifier(kind="phone", value=b"13800138000")
    fold_all(connection, [happened(Arrival(), member("M1"), plain)])
    assert connection.execute("SELECT count(*) FROM identifier").fetchone() == (1,)


def test_the_strongest_identifier_names_the_shopper_whatever_joins_later(connection: Connection):
    fold_all(connection, [happened(Arrival(), member("M1"))])
    before = shopper_of(connection, member("M1"))
    for number in range(20):
        fold_all(connection, [happened(Viewed(), web(f"c{number}"), member("M1"), store=None)])
    assert shopper_of(connection, member("M1")) == before


def test_an_older_shopper_id_stays_resolvable_after_joins(connection: Connection):
    fold_all(connection, [happened(Viewed(), web("c"), store=None)])
    _, first = shopper_of(connection, web("c"))
    fold_all(connection, [happened(Viewed(), web("c"), app("a"), store=None)])
    _, second = shopper_of(connection, web("c"))
    fold_all(connection, [happened(Viewed(), member("M"), app("a"), store=None)])
    last = shopper_of(connection, web("c"))
    assert len({first, second, last[1]}) == 3
    resolved = shoppers_of(connection, [(TENANT, first), (TENANT, second)])
    assert set(resolved.values()) == {last[1]}
    assert members_of(connection, [last])[last] == [member("M"), app("a"), web("c")]


def test_the_same_identifier_in_two_tenants_is_two_shoppers(connection: Connection):
    one = happened(Viewed(), web("c"), member("M1"), store=None)
    other = happened(Viewed(), web("c"), app("a"), store=None, tenant="other")
    fold_all(connection, [one])
    fold_all(connection, [other])
    mine = shopper_of(connection, web("c"))
    assert members_of(connection, [mine])[mine] == [member("M1"), web("c")]


def test_each_link_is_kept_with_its_evidence_and_once_on_replay(connection: Connection):
    event = happened(Viewed(), web("c"), app("a"), member("M1"), store=None)
    fold_all(connection, [event])
    fold_all(connection, [event])
    rows = connection.execute(
        "SELECT identifier, other, evidence, source, position, occurred_at FROM link ORDER BY 1"
    ).fetchall()
    strongest = identifier_id(member("M1"))
    assert [(row[0].hex, row[1].hex, *row[2:]) for row in rows] == [
        (weaker, strongest, "viewed", "shop", event.position, event.event.occurred_at)
        for weaker in sorted([identifier_id(web("c")), identifier_id(app("a"))])
    ]


def test_an_event_that_lists_many_identifiers_joins_a_limited_number():
    crowd = [web(f"c{number}") for number in range(50)]
    named = recognised(happened(Viewed(), *crowd, member("M1"), store=None).event)
    assert len(named) == IDENTIFIERS_PER_EVENT_MAX
    assert next(iter(named.values())) == member("M1")


def test_a_chain_of_pairs_has_the_smallest_as_its_root():
    keys = [("t", f"{number:02}") for number in range(6)]
    chain = [(keys[4], keys[5]), (keys[0], keys[3]), (keys[3], keys[4]), (keys[1], keys[2])]
    assert merged(chain) == {
        keys[3]: keys[0],
        keys[4]: keys[0],
        keys[5]: keys[0],
        keys[2]: keys[1],
    }


def test_two_workers_that_join_one_chain_at_once_make_one_shopper(postgres_dsn: str):
    database = Database(postgres_dsn)
    database.migrate(MIGRATIONS)
    apps = [app(f"a{number}") for number in range(14)]
    cookies = [web(f"c{number}") for number in range(14)]
    # One worker links each app to its cookie, the other each cookie to the next app.
    ours = [happened(Viewed(), *pair, store="s0001") for pair in zip(apps, cookies, strict=True)]
    theirs = [
        happened(Viewed(), cookie, person, store="s0002")
        for cookie, person in zip(cookies, apps[1:], strict=False)
    ]
    at_once(database, ours, theirs[::-1])
    database.close()
    with psycopg.connect(postgres_dsn) as connection:
        rows = connection.execute("SELECT DISTINCT shopper FROM identifier").fetchall()
    assert [row[0].hex for row in rows] == [min(map(identifier_id, apps))]


def test_a_store_without_a_line_gives_the_id_that_the_cloud_gives_later(
    connection: Connection, tmp_path: Path
):
    sell_sample(connection)
    with a_shop(tmp_path) as shop:
        # Nobody has told this store anything yet.
        visit = shop.begin(ANNA)
        recorded = shop.events()
        fallback = visit.shopper
        assert fallback is not None
    # The line is back: what was recorded arrives, then what joins her with her app.
    arrived = [replace(happened(Arrival(), at=NOW), event=each) for each in recorded]
    fold_all(connection, arrived)
    assert shopper_of(connection, ANNA) == (TENANT, fallback)
    fold_all(connection, [happened(Viewed(), app("hers"), ANNA, store=None)])
    assert shopper_of(connection, app("hers")) == (TENANT, fallback)
    # The store is told a view under that very id; and it resolves after a join to an older card.
    (told,) = {
        decode_view(each.change.value).shopper
        for each in decide(connection, TENANT, [fallback], recorded[-1].occurred_at)
        if each.change.value
    }
    assert told == fallback
    fold_all(connection, [happened(Arrival(), member("old card"))])
    older = identifier_id(member("old card"))
    said.join(connection, TENANT, fallback, older, because="one person", source="bo")
    assert shoppers_of(connection, [(TENANT, fallback)]) == {
        (TENANT, fallback): min(fallback, older)
    }
