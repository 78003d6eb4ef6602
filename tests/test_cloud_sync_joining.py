"""The running cloud's graph is the fold of its log, whatever came first and whatever was said."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from cloud_sync.identity.component import Evidence, rule_on
from cloud_sync.identity.graph import Graph, fold
from cloud_sync.identity.links import LinkEvent
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers import said, words
from cloud_sync.shoppers.second_look import look_again
from tests.shopper_builders import (
    DAY,
    NOW,
    TENANT,
    app,
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
