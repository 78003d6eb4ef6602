"""Events become shoppers: shared things are found, junk is refused, and no order matters."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.identity.graph import fold
from cloud_sync.identity.linkage.evaluation import Evaluation, evaluate
from cloud_sync.identity.replay import Assigned, Replay, assign, shopper_id
from storebridge.simulated.crowd import Crowd, draw_crowd
from wire.identifiers import NEVER_IDENTIFIERS
from wire.junk import junk_reason

Shown = Sequence[tuple[str, str]]


def event(at_s: float, *shown: tuple[str, str], kind: str = "scan", device: str = "") -> dict:
    """Return an event as a line has it; its id says when it happened and what was shown."""
    return {
        "event_id": f"{at_s}-{shown}",
        "occurred_at": 1_780_000_000 + at_s,
        "store": "s1",
        "device": device,
        "kind": kind,
        "identifiers": [{"kind": kind, "value": value} for kind, value in shown],
    }


def replayed(lines: Iterable[Mapping[str, object]]) -> Assigned:
    replay = Replay()
    replay.take(json.dumps(line).encode() for line in lines)
    assert not replay.rejects
    return assign(replay.events)


def shoppers(lines: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the shopper ID of each line."""
    assigned = replayed(lines)
    return [assigned.shoppers[str(line["event_id"])] for line in lines]


def measured(crowd: Crowd, seed: int) -> tuple[Evaluation, Assigned]:
    seen = draw_crowd(crowd, seed=seed)
    assigned = replayed(each.line for each in seen)
    truth = {str(each.line["event_id"]): each.person for each in seen}
    return evaluate(assigned.shoppers, truth), assigned


TROUBLE = {
    "kiosks whose kind no table knows": Crowd(people=250),
    "kiosks whose kind is called device": Crowd(people=250, kiosk_kind="device"),
    "one kiosk in one store": Crowd(people=250, stores=1, kiosks_a_store=1),
    "nobody is a member": Crowd(people=250, member_share=0),
    "every kind has another name": Crowd(
        people=500, kinds={"member": "k1", "phone": "k2", "email": "k3", "web": "k4", "app": "k5"}
    ),
    "placeholders everywhere": Crowd(people=250, placeholder_share=0.3),
    "many lookers": Crowd(people=250, lookers_share=0.4),
}


@pytest.mark.parametrize("crowd", TROUBLE.values(), ids=TROUBLE)
def test_a_crowd_is_told_apart_without_a_label(crowd: Crowd):
    found, assigned = measured(crowd, seed=3)
    assert found.precision >= 0.98
    assert found.recall >= 0.75
    kiosks = {value for kind, value in assigned.sightings.identifiers if kind == crowd.kiosk_kind}
    shared = {each["value"]: each["reason"] for each in assigned.shared()}
    assert kiosks <= shared.keys()
    assert all("seen with" in shared[kiosk] for kiosk in kiosks)


@given(st.integers(0, 1_000), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_of_arrival_gives_the_same_shoppers(seed: int, chance: random.Random):
    lines = [each.line for each in draw_crowd(Crowd(people=15, events_each=6), seed=seed)]
    shuffled = chance.sample([*lines, *lines[::3]], k=len(lines) + len(lines[::3]))
    assert replayed(shuffled).shoppers == replayed(lines).shoppers


def test_the_log_of_a_replay_folds_into_the_shoppers_it_said():
    _, assigned = measured(Crowd(people=100), seed=5)
    sightings, verdicts = assigned.sightings, assigned.verdicts
    graph = fold(assigned.log())
    for at in range(len(sightings.identifiers)):
        known = graph.shopper_of(shopper_id(sightings, at))
        if at in verdicts.shared:
            assert known is None
        elif at not in verdicts.tenures:
            assert known == graph.shopper_of(shopper_id(sightings, verdicts.root(at)))
    groups = {verdicts.root(at) for at in range(len(sightings.identifiers))}
    assert len(set(graph.shoppers.values())) <= len(groups)


JUNK = (
    *("0", "000-000-0000", "00000000-0000-0000-0000-000000000000", "aaaaaa", "+861111111111"),
    *("N/A", "null", "unknown", "123456789", "test", "Test User 12", "test@mail.example", "xxx"),
    "x" * 600,
)


@pytest.mark.parametrize("value", JUNK)
def test_junk_is_nobodys(value: str):
    assert junk_reason(value)


@pytest.mark.parametrize("value", ["M-4711", "+4915112345678", "tessa.best@mail.example", "7f3a"])
def test_what_may_be_somebodys_is_no_junk(value: str):
    assert junk_reason(value) is None


def test_members_who_show_the_same_junk_stay_apart():
    phone = ("phone", "0000000000")
    one, other = shoppers([event(1, ("member", "m1"), phone), event(2, ("member", "m2"), phone)])
    assert one != other


@pytest.mark.parametrize("kind", sorted(NEVER_IDENTIFIERS))
def test_no_kind_is_thrown_away_for_its_name(kind: str):
    own = (kind, "7f3a")
    lines = [event(1, ("web", "w1"), own), event(2, own, ("email", "a@mail.example"))]
    assert len(set(shoppers(lines))) == 1
    assert not list(replayed(lines).shared())


@pytest.mark.parametrize("kind", ["web", "app", "loyalty_token"])
def test_tokens_that_differ_in_capitals_are_two(kind: str):
    one, other = shoppers([event(1, (kind, "AbCd")), event(2, (kind, "aBcD"))])
    assert one != other


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("member", "M-4711x", "m-4711X"),
        ("email", "Ann@Mail.example", "ann@mail.example"),
        ("contact", "Ann@Mail.example", "ann@mail.example"),
    ],
)
def test_members_and_addresses_are_one_in_capitals_too(kind: str, one: str, other: str):
    assert len(set(shoppers([event(1, (kind, one)), event(2, (kind, other))]))) == 1


def test_two_members_are_never_one_whatever_they_share():
    family = ("phone", "+4915112345678")
    lines = [event(at, ("member", f"m{at % 2}"), family) for at in range(8)]
    assert len(set(shoppers(lines))) == 2
    (demoted,) = replayed(lines).shared()
    assert (demoted["kind"], demoted["reason"][:16]) == ("phone", "seen with 2 shop")


def test_a_number_that_was_handed_on_is_each_owners_in_their_time():
    number = ("phone", "+4915112345678")
    first = [event(at, ("member", "m1"), number) for at in range(8)]
    later = [event(100 + at, ("member", "m2"), number) for at in range(8)]
    alone = [event(3.5, number), event(50, number), event(104.5, number)]
    ids = shoppers([*first, *later, *alone])
    assert (ids[-3], ids[-1]) == (ids[0], ids[8])
    assert ids[-2] not in (ids[0], ids[8])


def test_a_new_phone_app_and_browser_stay_with_their_member():
    lines = [event(at, ("member", "m1"), ("app", f"a{at}"), ("web", f"w{at}")) for at in range(6)]
    lines.append(event(99, ("web", "w3")))
    assert len(set(shoppers(lines))) == 1


def test_who_uses_thirty_kiosks_is_still_one_person():
    lines = [
        event(60 * at + who, ("member", f"m{who}"), ("zzz", f"kiosk{at}"))
        for at in range(40)
        for who in range(12)
    ]
    assigned = replayed(lines)
    assert {each["kind"] for each in assigned.shared()} == {"zzz"}
    assert len(set(assigned.shoppers.values())) == 12


def test_who_has_a_new_number_in_every_order_is_still_one_person():
    lines = [
        event(3_600 * at, ("member", "m1"), ("order", f"o{at}"), ("web", f"w{at // 2}"))
        for at in range(100)
    ]
    assert len(set(shoppers(lines))) == 1


def test_a_number_that_everybody_gives_is_nobodys():
    hotline = ("phone", "+4980012345678")
    lines = [event(3_600 * at, hotline, ("email", f"e{at}@mail.example")) for at in range(40)]
    assert len(set(shoppers(lines))) == 40
    (demoted,) = replayed(lines).shared()
    assert demoted["reason"] == "seen with 40 different values of email"


def test_who_shows_nothing_of_their_own_gets_the_id_of_the_session():
    kiosk = ("zzz", "k1")
    members = [event(at, ("member", f"m{at}"), kiosk, device="k") for at in range(-900, -860)]
    quiet = [event(at, kiosk, device="k") for at in (0, 60, 500, 560)]
    left = [event(565, kiosk, device="k", kind="visit_ended"), event(570, kiosk, device="k")]
    known = event(580, ("member", "m-899"), kiosk, device="k")
    after = event(585, kiosk, device="k")
    ids = shoppers([*members, *quiet, *left, known, after])[40:]
    silence = ids[0] == ids[1] != ids[2] == ids[3]
    walk_away = ids[3] == ids[4] != ids[5]
    another_member = ids[5] != ids[7]
    assert (silence, walk_away, another_member) == (True, True, True)
    assert all(each.startswith("a") for each in (*ids[:6], ids[7]))


def test_bad_lines_are_kept_with_their_reason_and_stop_nothing():
    good = json.dumps(event(1, ("member", "m1"))).encode()
    bad = [b"nonsense", b"\xff\xfe", b"[]", b"{}", b'{"event_id": "x", "occurred_at": "soon"}']
    deep = b'{"event_id": "y", "occurred_at": 1, "identifiers": ' + b"[" * 50_000
    replay = Replay()
    replay.take([*bad, good, b"", deep, b'{"event_id": "z", "occurred_at": 1e400}'])
    assert len(replay.events) == 1
    assert [reject.line for reject in replay.rejects] == [1, 2, 3, 4, 5, 8, 9]
    assert all(reject.reason for reject in replay.rejects)
    assert replay.rejects[1].as_json()["content"] == "\\xff\\xfe"


@pytest.mark.parametrize("when", ["1e300", "-1", "-1e12", "9999999999999999", '"0001-01-01"'])
def test_an_event_of_an_impossible_time_is_kept_among_the_rejects(when: str):
    replay = Replay()
    replay.take([f'{{"event_id": "x", "occurred_at": {when}}}'.encode()])
    (reject,) = replay.rejects
    assert "1970 to 2199" in reject.reason


def test_an_identifier_without_kind_or_value_is_counted_and_joins_nobody():
    lines = [event(1, ("web", ""), ("app", " "), ("", "x1")), event(2, ("web", ""))]
    lines[1]["identifiers"] += [{"kind": "email"}, {"kind": "phone", "value": ["+49"]}]
    assigned = replayed(lines)
    assert assigned.figures()["refused_identifiers"] == {"no kind": 1, "no value": 5}
    assert len(set(assigned.shoppers.values())) == 2
    assert not assigned.sightings.identifiers
