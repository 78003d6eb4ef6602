from benchmarks.catchup import catchup


def test_catchup_measures_the_road_the_ledger_and_who_used_the_processor():
    results = list(catchup(events=500, singles=50, runs=1))
    assert sum(each.goal is not None for each in results) == 3
    assert all(each.value > 0 for each in results if each.goal)
    assert results[-1].name.endswith("store and cloud together")
