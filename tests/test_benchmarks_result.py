import pytest

from benchmarks.result import Goal, Result, in_turns, percentile


@pytest.mark.parametrize(
    ("better", "number", "peer", "holds"),
    [("at least", 0.8, 10.0, True), ("at least", 1.2, 10.0, False), ("at most", 1.0, 10.0, True)],
)
def test_a_goal_on_the_ratio_holds_or_not(better, number, peer, holds):
    goal = Goal(of="ratio", better=better, number=number)
    result = Result(name="x", value=9.0, unit="ms", goal=goal, peer="bare", peer_value=peer)
    assert result.as_json()["holds"] is holds


def test_a_ratio_goal_without_a_peer_does_not_hold():
    goal = Goal(of="ratio", better="at most", number=5)
    assert not Result(name="x", value=1, unit="ms", goal=goal).as_json()["holds"]


def test_ours_and_the_peer_take_turns_and_medians_count():
    order: list[str] = []
    ours, peer = iter([1.0, 9.0, 2.0]), iter([5.0, 4.0, 100.0])

    def run(name, values):
        order.append(name)
        return next(values)

    assert in_turns(lambda: run("ours", ours), lambda: run("peer", peer), runs=3) == (2.0, 5.0)
    assert order == ["peer", "ours", "ours", "peer", "peer", "ours"]


def test_a_percentile_is_one_of_the_values():
    values = [float(n) for n in range(100)]
    assert percentile(values, 0.99) == 99
    assert percentile(values, 0.5) == 50
