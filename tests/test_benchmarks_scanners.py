from benchmarks.scanners import scanners


def test_scanners_that_are_unplugged_lose_and_double_nothing():
    lost, twice, back, away = scanners(turns=2, plugged_s=0.6, away_s=2)
    assert (lost.value, twice.value) == (0, 0)
    assert 0 < back.value < 5
    assert 0 < away.value < 20
