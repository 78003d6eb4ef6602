"""The benchmark of signed codes runs, and its figure is one."""

from benchmarks.tokens import tokens


def test_signed_codes_are_understood_at_some_rate():
    (result,) = tokens(codes=50, runs=1)
    assert result.value > 0
    assert result.ratio is not None
