"""The benchmark of the funnel runs, and its figures are some."""

from benchmarks.funnel import funnel


def test_the_flows_of_some_shoppers_are_counted():
    for result in funnel(shoppers=300, runs=1):
        assert result.value > 0
        assert result.ratio is not None
