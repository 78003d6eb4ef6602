"""The identity graph is the same for every order of its log, and forgets only what it must."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.identity.graph import Graph, fold
from cloud_sync.identity.links import Demoted, Erased, Joined, LinkEvent, Undone

IDS = [f"{number:02d}" for number in range(12)]
ids, times = st.sampled_from(IDS), st.integers(0, 20)
log_events: st.SearchStrategy[LinkEvent] = st.one_of(
    st.builds(Joined, join=st.sampled_from("abcdefgh"), at=times, one=ids, other=ids),
    st.builds(Undone, join=st.sampled_from("abcdefgh"), at=times, undone=st.booleans()),
    st.builds(Demoted, identifier=ids, at=times, demoted=st.booleans()),
    st.builds(Erased, identifier=ids, at=times),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(log_events, max_size=30), st.randoms(use_true_random=False))
def test_the_same_graph_results_from_any_order_of_arrival(
    log: list[LinkEvent], chance: random.Random
):
    shuffled = [*log, *chance.sample(log, k=len(log) // 2)]
    chance.shuffle(shuffled)
    assert fold(shuffled).digest() == fold(log).digest()


def test_ten_thousand_sequences_of_join_split_and_erase_restore_the_identical_hash():
    chance = random.Random(7)
    for _ in range(10_000):
        kept = [_join(chance, number) for number in range(chance.randrange(8))]
        taken_back = [_join(chance, number) for number in range(8, 8 + chance.randrange(1, 8))]
        erased = [Erased(identifier=chance.choice(IDS), at=50)] * chance.randrange(2)
        log: list[LinkEvent] = [
            *kept,
            *taken_back,
            *erased,
            *(Undone(join=join.join, at=60) for join in taken_back),
        ]
        chance.shuffle(log)
        assert who_is_who(fold(log)) == who_is_who(fold([*kept, *erased]))


def test_a_shopper_id_once_shown_is_found_after_joins_and_after_their_undoing():
    joined = [_joined("a", "03", "04"), _joined("b", "02", "03"), _joined("c", "01", "02")]
    assert [fold(joined[:count]).shopper_of("04") for count in range(4)] == ["04", "03", "02", "01"]
    graph = fold([*joined, Undone(join="b", at=9)])
    assert [graph.shopper_of(each) for each in ("01", "02", "03", "04")] == ["01", "01", "03", "03"]


def test_a_shared_thing_joins_nobody_until_it_is_restored():
    joined = [_joined("a", "01", "09"), _joined("b", "02", "09")]
    assert fold(joined).shopper_of("02") == "01"
    shared = fold([*joined, Demoted(identifier="09", at=5, because="seen with 300 members")])
    assert [shared.shopper_of(each) for each in ("01", "02", "09")] == ["01", "02", None]
    assert shared.shared == {"09": "seen with 300 members"}
    restored = [
        *joined,
        Demoted(identifier="09", at=5),
        Demoted(identifier="09", at=6, demoted=False),
    ]
    assert fold(restored).digest() == fold(joined).digest()


def test_what_was_erased_comes_back_by_no_late_join():
    log = [_joined("a", "01", "02", at=3), Erased(identifier="02", at=5)]
    assert fold(log).shopper_of("02") is None
    late = [*log, _joined("late", "02", "03", at=4)]
    assert fold(late).shopper_of("02") is None
    again = [*log, _joined("new", "02", "03", at=6)]
    assert fold(again).shopper_of("03") == "02"


def who_is_who(graph: Graph) -> dict[str, str | None]:
    """Return the shopper of everybody: what the undone joins alone knew is itself again."""
    return {each: graph.shopper_of(each) for each in IDS}


def _joined(join: str, one: str, other: str, at: int = 1) -> Joined:
    return Joined(join=join, at=at, one=one, other=other)


def _join(chance: random.Random, number: int) -> Joined:
    one, other = chance.sample(IDS, 2)
    return _joined(f"j{number}", one, other, at=chance.randrange(50))
