"""The running cloud's graph is the fold of its log, whatever came first and whatever was said."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from cloud_sync.database import Database
from cloud_sync.identity.component import COMPONENT_LADDER, Evidence, rule_on
from cloud_sync.identity.graph import Graph, fold
from cloud_sync.identity.links import Demoted, LinkEvent, Undone
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.graph import said, words
from cloud_sync.shoppers.graph.regroup import linked_with, regroup, states_of
from cloud_sync.shoppers.graph.second_look import look_again
from cloud_sync.shoppers.graph.whole_graph import decided, read_pairs, set_right
from tests.shopper_builders import (
    DAY,
    NOW,
    TENANT,
    app,
    at_once,
    email,
    fold_all,
    happened,
    member,
    phone,
    rolled_back,
    web,
)
from wire.events import Viewed
from wire.identifiers import Identifier, identifier_id

PEOPLE = [
    *(member(f"M{n}") for n in range(3)),
    *(phone(f"1380013800{n}") for n in range(3)),
    *(email(f"e{n}@x.org") for n in range(2)),
    *(app(f"a{n}") for n in range(2)),
    *(web(f"c{n}") for n in range(4)),
]
one_of_them = st.sampled_from(PEOPLE)
LIMITS = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def meetings(draw: st.DrawFn) -> LedgerEvent:
    shown = draw(st.lists(one_of_them, min_size=1, max_size=3, unique=True))
    return happened(
        Viewed(),
        *shown,
        store=draw(st.sampled_from([None, "s0001"])),
        at=NOW - draw(st.integers(0, 40)) * DAY,
        accepted_at=NOW,
    )


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        yield one


def pointers(connection: Connection) -> dict[str, str]:
    """Return the shopper of each identifier as the cloud has it."""
    rows = connection.execute(
        "SELECT identifier, shopper FROM identifier WHERE tenant = %s", [TENANT]
    )
    return {each.hex: shopper.hex for each, shopper in rows}


def evidence_of(connection: Connection) -> list[Evidence]:
    rows = connection.execute(
        "SELECT identifier, other, count(*), min(occurred_at), max(occurred_at) FROM link"
        " GROUP BY 1, 2"
    )
    return [
        Evidence(one=one.hex, other=other.hex, times=times, first_at=first, last_at=last)
        for one, other, times, first, last in rows
    ]


def folded(connection: Connection) -> Graph:
    """Return the graph that the pure fold makes of all links and words, in a random order."""
    said_of = words.read(connection, TENANT, list(pointers(connection)))
    log: list[LinkEvent] = [*said_of, *(each.as_joined() for each in evidence_of(connection))]
    random.Random(4).shuffle(log)
    return fold(log)


def settle(connection: Connection) -> None:
    """Look again at what new evidence came of, as the chore does."""
    while look_again(connection, 100):
        pass


def assert_folded(connection: Connection) -> None:
    graph, found = folded(connection), pointers(connection)
    assert found == {each: graph.shoppers.get(each, each) for each in found}


@LIMITS
@given(st.lists(meetings(), min_size=1, max_size=16), st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_graph_that_the_pure_fold_makes_of_the_same_log(
    connection: Connection, events: list[LedgerEvent], chance: random.Random
):
    found = []
    for _ in range(2):
        with connection.transaction(force_rollback=True):
            for event in events:
                fold_all(connection, [event])
                assert_folded(connection)
            settle(connection)
            assert_folded(connection)
            found.append(pointers(connection))
            evidence = evidence_of(connection)
        chance.shuffle(events)
    assert found[0] == found[1]
    # And it is what the ladder says of all links at once.
    joined = [each.as_joined() for each in evidence]
    graph = fold([*joined, *rule_on(evidence, [], NOW).words])
    assert found[0] == {each: graph.shoppers.get(each, each) for each in found[0]}


@LIMITS
@given(
    st.lists(meetings(), min_size=1, max_size=16),
    st.lists(st.tuples(st.sampled_from("jjsdr"), one_of_them, one_of_them), max_size=3),
)
def test_the_whole_log_read_at_once_gives_the_shoppers_that_are_there(
    connection: Connection,
    events: list[LedgerEvent],
    spoken: list[tuple[str, Identifier, Identifier]],
):
    with connection.transaction(force_rollback=True):
        fold_all(connection, events)
        for word in spoken:
            say(connection, *word)
        settle(connection)
        found = decided(connection, TENANT, read_pairs(connection, TENANT))
        assert found == {each: pointers(connection)[each] for each in found}


@LIMITS
@given(
    st.lists(meetings(), min_size=1, max_size=8),
    st.lists(st.tuples(st.sampled_from("jjsdre"), one_of_them, one_of_them), max_size=6),
    st.randoms(use_true_random=False),
)
def test_what_people_say_and_what_events_show_make_the_graph_of_the_log_in_any_order(
    connection: Connection,
    events: list[LedgerEvent],
    spoken: list[tuple[str, Identifier, Identifier]],
    chance: random.Random,
):
    steps: list[LedgerEvent | tuple[str, Identifier, Identifier]] = [*events, *spoken]
    chance.shuffle(steps)
    with connection.transaction(force_rollback=True):
        for step in steps:
            if isinstance(step, LedgerEvent):
                fold_all(connection, [step])
            else:
                say(connection, *step)
            assert_folded(connection)
        settle(connection)
        assert_folded(connection)


def say(connection: Connection, word: str, one: Identifier, other: Identifier) -> None:
    """Say something as a person would; what cannot be so is refused."""
    first, second = identifier_id(one), identifier_id(other)
    try:
        with connection.transaction():
            match word:
                case "j":
                    said.join(connection, TENANT, first, second, because="", source="anna")
                case "s":
                    said.split(connection, TENANT, {first}, because="", source="anna")
                case "d":
                    said.demote(connection, TENANT, first, because="", source="anna")
                case "r":
                    said.restore(connection, TENANT, first, because="", source="anna")
                case "e":
                    said.erase(connection, TENANT, {first} & pointers(connection).keys())
    except said.SaidError:
        pass


TABLET = web("the shop's tablet")


def shared(connection: Connection, identifier: Identifier) -> bool:
    row = connection.execute(
        "SELECT demoted FROM identifier WHERE identifier = %s", [identifier_id(identifier)]
    ).fetchone()
    assert row is not None
    return bool(row[0])


def shopper(connection: Connection, identifier: Identifier) -> str:
    return pointers(connection)[identifier_id(identifier)]


def test_a_tablet_that_a_whole_shop_uses_is_found_and_joins_nobody_in_any_order(
    connection: Connection,
):
    visits = [happened(Viewed(), member(f"M{n}"), web(f"c{n}"), store=None) for n in range(12)]
    visits += [happened(Viewed(), member(f"M{n}"), TABLET, at=NOW + n) for n in range(12)]
    random.Random(5).shuffle(visits)
    fold_all(connection, visits[:10])
    for each in visits[10:]:
        fold_all(connection, [each])
    settle(connection)
    assert shared(connection, TABLET)
    assert shopper(connection, TABLET) == identifier_id(TABLET)
    found = {shopper(connection, member(f"M{n}")) for n in range(12)}
    assert found == {identifier_id(member(f"M{n}")) for n in range(12)}
    assert all(shopper(connection, web(f"c{n}")) in found for n in range(12))
    said_of = words.read(connection, TENANT, [identifier_id(TABLET)])
    reasons = [each.because for each in said_of if isinstance(each, Demoted)]
    assert all(each.startswith("seen with") for each in reasons)
    assert_folded(connection)


def test_what_was_taken_for_shared_is_somebodys_again_when_the_evidence_says_so(
    connection: Connection,
):
    anna, bo, phone_of_anna = member("Anna"), member("Bo"), phone("13800138000")
    fold_all(connection, [happened(Viewed(), who, phone_of_anna) for who in (anna, bo)])
    assert shared(connection, phone_of_anna)
    for n in range(40):
        fold_all(connection, [happened(Viewed(), anna, phone_of_anna, at=NOW + n)])
    settle(connection)
    assert not shared(connection, phone_of_anna)
    assert shopper(connection, phone_of_anna) == shopper(connection, anna)
    assert shopper(connection, bo) == identifier_id(bo)
    assert_folded(connection)


def test_a_person_may_restore_what_the_rules_took_for_shared_and_they_leave_it(
    connection: Connection,
):
    for n in range(12):
        fold_all(connection, [happened(Viewed(), member(f"M{n}"), TABLET)])
    settle(connection)
    fold_all(connection, [happened(Viewed(), member("M1"), TABLET, at=NOW + n) for n in range(9)])
    id_of = identifier_id(TABLET)
    said.restore(connection, TENANT, id_of, because="it is hers", source="anna")
    settle(connection)
    assert shopper(connection, TABLET) == identifier_id(member("M1"))
    assert_folded(connection)


def test_the_weakest_values_beyond_what_one_person_has_stay_by_themselves(connection: Connection):
    rule = COMPONENT_LADDER["phone"]
    phones = [phone(f"1390013900{n}") for n in range(rule.own_max + 2)]
    for each in phones:
        fold_all(connection, [happened(Viewed(), member("M1"), each)])
    owners = [shopper(connection, each) for each in phones]
    assert owners.count(identifier_id(member("M1"))) == rule.own_max
    assert_folded(connection)


def test_two_members_who_are_seen_together_are_two(connection: Connection):
    fold_all(connection, [happened(Viewed(), member("M1"), member("M2"), web("c"), store=None)])
    assert shopper(connection, member("M1")) != shopper(connection, member("M2"))
    assert_folded(connection)


def test_what_a_person_split_no_new_evidence_joins(connection: Connection):
    anna, cookie, other = member("M1"), web("c1"), app("a1")
    fold_all(connection, [happened(Viewed(), anna, cookie)])
    said.split(connection, TENANT, {identifier_id(cookie)}, because="", source="anna")
    later = [happened(Viewed(), anna, cookie), happened(Viewed(), cookie, other)]
    fold_all(connection, [*later, happened(Viewed(), anna, other)])
    settle(connection)
    assert shopper(connection, anna) != shopper(connection, cookie)
    assert_folded(connection)


def test_a_component_that_would_be_too_large_is_left_as_it_is(connection: Connection):
    phones = [phone(f"1380013800{n}") for n in range(3)]
    fold_all(connection, [happened(Viewed(), member("M1"), each) for each in phones[:2]])
    fold_all(connection, [happened(Viewed(), phones[2])])
    link = (identifier_id(member("M1")), identifier_id(phones[2]))
    for _ in range(2):
        assert regroup(connection, TENANT, link, links=[link], at_most=3) == set()
    said_of = words.read(connection, TENANT, link)
    assert [each.because for each in said_of if isinstance(each, Undone)] == [
        "together they would have more than 3 identifiers"
    ]
    assert_folded(connection)


def test_what_an_erasure_takes_apart_is_no_component_any_more(connection: Connection):
    cookie, ann, bo = web("c1"), member("M1"), member("M2")

    def components() -> dict[Identifier, str | None]:
        ids = {identifier_id(each): each for each in (cookie, ann, bo)}
        return {ids[e]: s.component for e, s in states_of(connection, TENANT, ids).items()}

    fold_all(connection, [happened(Viewed(), each, cookie) for each in (ann, ann, bo)])
    linked = min(map(identifier_id, (cookie, ann, bo)))
    assert components() == dict.fromkeys((cookie, ann, bo), linked)
    said.erase(connection, TENANT, {identifier_id(cookie)})
    assert components() == {cookie: identifier_id(cookie), ann: None, bo: None}
    assert_folded(connection)
    # Who shows the cookie from then on is one with it, and finds neither of those before.
    later = NOW + 400 * DAY
    fold_all(connection, [happened(Viewed(), bo, cookie, at=later, accepted_at=later)])
    assert linked_with(connection, TENANT, {identifier_id(ann)}) == {identifier_id(ann)}
    assert shopper(connection, cookie) == shopper(connection, bo) != shopper(connection, ann)
    assert_folded(connection)


def test_workers_who_link_members_in_a_chain_at_once_find_what_the_log_says(cloud_dsn: str):
    database = Database(cloud_dsn)
    people = [member(f"M{number}") for number in range(12)]
    cookies = [web(f"c{number}") for number in range(12)]
    ours = [happened(Viewed(), *pair, store="s0001") for pair in zip(people, cookies, strict=True)]
    theirs = [
        happened(Viewed(), cookie, person, store="s0002")
        for cookie, person in zip(cookies, people[1:], strict=False)
    ]
    at_once(database, ours, theirs[::-1])
    with database.shopper(TENANT) as connection:
        settle(connection)
        assert_folded(connection)
        assert {shopper(connection, each) for each in people} == set(map(identifier_id, people))
    database.close()


def test_a_database_from_before_the_ladder_is_set_right(cloud_dsn: str):
    database = Database(cloud_dsn)
    people = [member(f"M{number}") for number in range(3)]
    with database.shopper(TENANT) as connection:
        fold_all(connection, [happened(Viewed(), each, TABLET) for each in people])
        fold_all(connection, [happened(Viewed(), people[0], app("a1"))])
        expected = pointers(connection)
        # As a plain union had them.
        connection.execute(
            "UPDATE identifier SET shopper = %s, component = NULL, demoted = false",
            [min(expected)],
        )
        connection.execute("TRUNCATE identity_word")
    wrong = [each for each, shopper in expected.items() if shopper != min(expected)]
    assert set_right(database, TENANT) == len(wrong)
    with database.shopper(TENANT) as connection:
        assert pointers(connection) == expected
        assert_folded(connection)
    assert set_right(database, TENANT) == 0
    database.close()
