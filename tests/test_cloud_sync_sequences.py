"""Sequences of join, split and erase over the real tables: each restores the identical hash.

Two tenants have the same identifiers. In one of them people are joined and taken apart again; in
the other that never happened. STOREBRIDGE_SEQUENCES says how many sequences are drawn.
"""

import hashlib
import os
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace
from psycopg import Connection

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.graph import said
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.graph.regroup import states_of
from cloud_sync.shoppers.graph.said import SaidError
from cloud_sync.shoppers.profiles.profile import whole_profiles_of
from cloud_sync.shoppers.profiles.stage import stage_of
from tests.shopper_builders import (
    DAY,
    NOW,
    app,
    fold_all,
    happened,
    member,
    order,
    phone,
    rolled_back,
    web,
)
from wire.events import Saved, Viewed
from wire.identifiers import Identifier, identifier_id

JOINED, ALONE = "joined-and-parted", "never-joined"
SEQUENCES = int(os.environ.get("STOREBRIDGE_SEQUENCES", "30"))
# Sequences whose identifiers are in the tables at once.
AT_ONCE = 50
# More than there are identifiers in one sequence.
SPLITS_MAX = 40


@dataclass
class Person:
    """Identifiers that events link; `said` are pairs that somebody says are one, for good."""

    identifiers: list[Identifier]
    events: list[LedgerEvent] = field(default_factory=list)


@dataclass
class Life:
    """One sequence: people, who of them are joined and taken apart again, and what is erased."""

    people: list[Person]
    kept: list[tuple[str, str]]
    joined: list[tuple[str, str]]
    erased: list[str]
    chance: random.Random

    @property
    def ids(self) -> list[str]:
        return [identifier_id(each) for one in self.people for each in one.identifiers]


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        yield one


def a_life(number: int) -> Life:
    chance = random.Random(number)
    people = [a_person(chance, f"n{number}p{one}") for one in range(chance.randrange(2, 5))]

    def pair() -> tuple[str, str]:
        one, other = chance.sample(people, 2)
        return tuple(identifier_id(chance.choice(each.identifiers)) for each in (one, other))

    ids = [identifier_id(each) for one in people for each in one.identifiers]
    kept = [pair()] if chance.random() < 0.5 and _have_no_kind_twice(people) else []
    joined = [pair() for _ in range(chance.randrange(1, 4))]
    return Life(
        people=people,
        kept=kept,
        joined=joined,
        erased=chance.sample(ids, chance.randrange(3)),
        chance=chance,
    )


def _have_no_kind_twice(people: Sequence[Person]) -> bool:
    """Tell whether any two may be one without the ladder taking evidence apart for their sake.

    Whoever then splits them would speak of that evidence, too, which is more than to undo a join.
    """
    kinds = [each.kind for one in people for each in one.identifiers]
    return len(kinds) == len(set(kinds))


def a_person(chance: random.Random, name: str) -> Person:
    """Draw somebody with a member code or without, whose devices were seen with them."""
    digits = "".join(chance.sample("0123456789", 8))
    owned = [
        member(f"M{name}"),
        phone(f"139{digits}"),
        app(f"app-{name}"),
        web(f"first-{name}"),
        web(f"second-{name}"),
    ]
    mine = chance.sample(owned, chance.randrange(1, 5))
    person = Person(identifiers=mine)
    for place, each in enumerate(mine):
        shown = [each, mine[chance.randrange(place)]] if place else [each]
        body = chance.choice([Viewed(product="p1"), Saved(product="p2"), order("p1")])
        at = NOW - chance.randrange(60) * DAY
        person.events.append(happened(body, *shown, at=at, accepted_at=NOW))
    return person


def join(connection: Connection, tenant: str, one: str, other: str) -> None:
    """Say that two are one; what is refused, as of a thing of many people, was not said."""
    with suppress(SaidError), connection.transaction():
        said.join(connection, tenant, one, other, because="", source="bo")


def live(connection: Connection, tenant: str, life: Life, *, joins: bool) -> None:
    """Let all happen that is said of a life; without `joins` nobody is joined for a while."""
    for pair in life.kept:
        join(connection, tenant, *pair)
    if life.erased:
        said.erase(connection, tenant, life.erased)
    for one, other in life.joined if joins else []:
        if one not in life.erased and other not in life.erased:
            join(connection, tenant, one, other)


def part(connection: Connection, life: Life) -> None:
    """Take apart, one after the other, whoever is one with somebody who would be another."""
    home = {each: state.shopper for each, state in states_of(connection, ALONE, life.ids).items()}
    for _ in range(SPLITS_MAX):
        mixed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for each, state in states_of(connection, JOINED, life.ids).items():
            mixed[state.shopper][home[each]].add(each)
        together = [parts for _, parts in sorted(mixed.items()) if len(parts) > 1]
        if not together:
            return
        parts = life.chance.choice(together)
        apart = parts[life.chance.choice(sorted(parts))]
        said.split(connection, JOINED, apart, because="", source="bo")
    raise AssertionError(f"still together after {SPLITS_MAX} splits")


def hashes(connection: Connection, tenant: str, lives: Sequence[Life]) -> list[str]:
    """Return a hash for each life of who is who, and of all that is known of each shopper."""
    owner = {each: number for number, life in enumerate(lives) for each in life.ids}
    states = states_of(connection, tenant, list(owner))
    shoppers = {(tenant, state.shopper) for state in states.values()}
    members = members_of(connection, shoppers)
    profiles = whole_profiles_of(connection, members)
    known: dict[int, list[str]] = defaultdict(list)
    for each, state in sorted(states.items()):
        profile = profiles[tenant, state.shopper]
        facts = (sorted(profile.acts.items()), sorted(profile.products.items()), profile.money)
        stage = stage_of(profile, NOW).stage
        row = repr(
            (each, state.shopper, state.demoted, members[tenant, state.shopper], facts, stage)
        )
        known[owner[each]].append(row)
    return [hashlib.sha256("".join(known[n]).encode()).hexdigest() for n in range(len(lives))]


@pytest.mark.parametrize("first", range(0, SEQUENCES, AT_ONCE))
def test_each_sequence_of_join_split_and_erase_restores_the_identical_hash(
    connection: Connection, first: int
):
    lives = [a_life(number) for number in range(first, min(first + AT_ONCE, SEQUENCES))]
    happenings = [event for life in lives for one in life.people for event in one.events]
    for tenant in (JOINED, ALONE):
        fold_all(connection, [replace(each, tenant=tenant) for each in happenings])
    for life in lives:
        live(connection, ALONE, life, joins=False)
        live(connection, JOINED, life, joins=True)
    apart = hashes(connection, ALONE, lives)
    together = hashes(connection, JOINED, lives)
    assert sum(one != other for one, other in zip(apart, together, strict=True)) > len(lives) / 2
    for life in lives:
        part(connection, life)
    parted = hashes(connection, JOINED, lives)
    wrong = [
        first + at
        for at, (one, other) in enumerate(zip(apart, parted, strict=True))
        if one != other
    ]
    assert wrong == []
