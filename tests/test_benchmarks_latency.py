from benchmarks.latency import latency


def test_latency_measures_scans_with_and_without_a_backlog_beside_the_bare_parts():
    results = list(latency(scans=3, queued=2_000, turns=1, warm_up=1))
    assert all(each.value > 0 for each in results)
    assert sum(each.goal is not None for each in results) == 3
