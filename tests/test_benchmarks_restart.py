from benchmarks.restart import restart


def test_restart_and_drain_measure_a_long_and_a_short_queue():
    results = list(restart(many=500, few=100, drain_many=6_000, drain_few=4_000, steps=5, runs=2))
    assert [each.unit for each in results] == ["ms"] * 3
    assert all(each.value > 0 and each.goal for each in results)
