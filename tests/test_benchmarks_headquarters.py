"""The benchmark of headquarters' pages runs small, and each page answers."""

from benchmarks.headquarters import PAGES, headquarters


def test_every_page_of_headquarters_is_measured():
    results = list(headquarters(stores=3, shoppers=50, runs=1))
    assert len(results) == 1 + len(PAGES)
    assert all(each.value > 0 for each in results)
