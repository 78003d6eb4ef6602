"""What shoppers allow: the last word counts, and what is not allowed can be read by nobody."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import Connection

from cloud_sync.decisions.channel import channel_view
from cloud_sync.decisions.decide import decide
from cloud_sync.decisions.prepared import Asked, ask
from cloud_sync.shoppers.consent import consents
from cloud_sync.shoppers.consent.allowed import Allowed, allowed
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.profiles.profile import Profile, profiles_of, set_members_consent
from cloud_sync.workers.road import Road
from tests.shopper_builders import (
    DAY,
    NOW,
    TENANT,
    happened,
    member,
    rolled_back,
    sell_sample,
    shopper_of,
    web,
)
from wire.events import Arrival, Consent, Followed, Saved, Viewed
from wire.identifiers import Identifier, identifier_id
from wire.views import ShopperView, decode_view

ROOT = Path(__file__).parent.parent
TEA = "6901234000016"
ANNA = member("M1")


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        sell_sample(one)
        yield one


def say(given: bool, purpose: str = "offers", who: Identifier = ANNA, at: int = NOW, **more):
    return happened(Consent(purpose, given, "2026-05", "web"), who, at=at, **more)


def fold(connection: Connection, *events) -> None:
    for each in events:
        Road().fold(connection, each.shard, 1, [each])


def profile(connection: Connection, who: Identifier = ANNA) -> Profile:
    key = shopper_of(connection, who)
    return profiles_of(connection, members_of(connection, [key]))[key]


def said(connection: Connection, who: Identifier = ANNA) -> dict[str, consents.Consented]:
    key = shopper_of(connection, who)
    return consents.consents_of(connection, members_of(connection, [key]))[key]


def test_who_has_said_nothing_is_bound_by_the_terms(connection: Connection):
    fold(connection, happened(Arrival(), ANNA), happened(Arrival(), web("c"), store=None))
    assert profile(connection).consented
    assert not profile(connection, web("c")).consented
    assert {purpose for purpose, each in said(connection).items() if each.given} == {
        "offers",
        "profiling",
    }
    consents.set_terms(connection, TENANT, ["offers"])
    assert {purpose for purpose, each in said(connection).items() if each.given} == {"offers"}
    set_members_consent(connection, TENANT, False)
    assert not profile(connection).consented


def test_terms_for_a_purpose_that_nobody_knows_are_refused(connection: Connection):
    with pytest.raises(ValueError, match="telepathy"):
        consents.set_terms(connection, TENANT, ["telepathy"])


@pytest.mark.parametrize("first", [0, 1])
def test_the_last_word_counts_whichever_comes_first(connection: Connection, first: int):
    words = [say(True, at=NOW), say(False, at=NOW + 1)]
    fold(connection, words[first], words[1 - first])
    withdrawn = said(connection)["offers"]
    assert (withdrawn.given, withdrawn.by, withdrawn.said_at) == (False, "shopper", NOW + 1)
    assert (withdrawn.version, withdrawn.via, withdrawn.place) == ("2026-05", "web", "s0001")


def test_a_word_said_under_one_identifier_holds_for_the_whole_shopper(connection: Connection):
    fold(
        connection,
        say(False, who=web("c"), store=None),
        happened(Viewed(product=TEA), ANNA, web("c"), store=None),
    )
    assert not profile(connection).consented


def test_who_is_no_member_may_allow_offers_by_themselves(connection: Connection):
    fold(connection, say(True, who=web("c"), store=None))
    assert profile(connection, web("c")).consented


def test_nothing_is_read_of_who_withdrew_and_little_without_profiling(connection: Connection):
    fold(
        connection,
        happened(Viewed(product=TEA), ANNA, at=NOW - DAY),
        happened(Saved(product="p2"), ANNA, at=NOW - DAY),
        happened(Followed(subject="maru"), ANNA, at=NOW - DAY),
    )
    assert set(profile(connection).products) == {TEA, "p2"}
    fold(connection, say(False, "profiling"))
    little = profile(connection)
    assert (set(little.products), little.followed, little.acts) == ({"p2"}, ("maru",), {})
    fold(connection, say(False, "offers"))
    nothing = profile(connection)
    assert nothing == Profile(stores={"s0001": NOW - DAY})


def test_a_withdrawal_takes_back_what_stores_channels_and_the_next_arrival_show(
    connection: Connection,
):
    fold(
        connection,
        happened(Viewed(product=TEA), ANNA, store=None, at=NOW - DAY),
        happened(Arrival(), ANNA),
    )
    key = shopper_of(connection, ANNA)
    (told,) = decide(connection, TENANT, [key[1]], NOW)
    assert view_in(told.change.value).coupons
    assert channel_view(connection, TENANT, [ANNA], NOW).coupons
    assert prepared(connection, key) == 1
    fold(connection, say(False))
    (taken,) = decide(connection, TENANT, [key[1]], NOW + 1)
    bare = view_in(taken.change.value)
    assert (bare.consented, bare.coupons, bare.recommended) == (False, (), ())
    shown = channel_view(connection, TENANT, [ANNA], NOW + 1)
    assert (shown.consented, list(shown.coupons)) == (False, [])
    assert prepared(connection, key) == 0


def test_what_rests_on_the_terms_is_not_shown_when_these_change(connection: Connection):
    fold(
        connection,
        happened(Viewed(product=TEA), ANNA, store=None, at=NOW - DAY),
        happened(Viewed(product=TEA), member("M2"), store=None, at=NOW - DAY),
        say(True, who=member("M2"), store=None),
    )
    keys = [shopper_of(connection, who) for who in (ANNA, member("M2"))]
    decide(connection, TENANT, [key[1] for key in keys], NOW)
    connection.execute(
        "INSERT INTO downlink (shard, tenant, store) VALUES (1, %s, 's0001')", (TENANT,)
    )
    epoch = connection.execute("SELECT epoch FROM shard_lease WHERE shard = 1").fetchone()
    asked = [
        Asked(1, epoch[0] if epoch else 0, TENANT, "s0001", identifier_id(who))
        for who in (ANNA, member("M2"))
    ]
    # One at a time: a transaction greets for a store's line once.
    assert [len(ask(connection, [each], NOW)()) for each in asked] == [1, 1]
    set_members_consent(connection, TENANT, False)
    assert [len(ask(connection, [each], NOW)()) for each in asked] == [0, 1]


def test_leave_names_those_who_consent_and_is_given_by_asking_alone(connection: Connection):
    bo = member("M2")
    fold(connection, happened(Arrival(), ANNA), happened(Arrival(), bo), say(True, "push", who=bo))
    anna, other = (shopper_of(connection, who)[1] for who in (ANNA, bo))
    leave = allowed(connection, TENANT, [anna, other], "push")
    assert other in leave
    assert anna not in leave
    with pytest.raises(ValueError, match="telepathy"):
        allowed(connection, TENANT, [anna], "telepathy")
    with pytest.raises(TypeError, match="asks for the consent"):
        Allowed(TENANT, "push", frozenset({anna}), made_by=object())


def test_profiles_are_read_through_the_gate_alone():
    """Who reads a whole profile, or the tables of facts behind it, is named here."""
    may_read_whole = {"cloud_sync/privacy/export.py", "cloud_sync/shoppers/profiles/profile.py"}
    pushing = ("cloud_sync/audiences/", "cloud_sync/connectors/")
    for path in sorted((ROOT / "cloud_sync").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        if "whole_profiles_of" in text:
            assert name in may_read_whole, f"{name} reads whole profiles"
        if name.startswith(pushing) and not name.endswith("__init__.py"):
            imported = {
                f"{node.module}.{alias.name}"
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            profile, leave = (
                f"cloud_sync.shoppers.{each}." for each in ("profiles.profile", "consent.allowed")
            )
            reads = [each for each in imported if each.startswith(profile)]
            gate = {each for each in imported if each.startswith(leave)}
            assert gate or not reads, f"{name} reads profiles without asking whether it may"


def view_in(value: bytes | None) -> ShopperView:
    view = decode_view(value or b"")
    assert isinstance(view, ShopperView)
    return view


def prepared(connection: Connection, key: tuple[str, str]) -> int:
    row = connection.execute(
        "SELECT count(*) FROM prepared WHERE tenant = %s AND shopper = %s::uuid", key
    ).fetchone()
    return row[0] if row else 0
