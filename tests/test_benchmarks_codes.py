"""The benchmark of codes runs on a few photos; a hundred thousand changed things stop nothing."""

from pathlib import Path

import pytest

from benchmarks.codes import codes
from benchmarks.mutations import mutate_codes


def test_the_benchmark_runs_on_a_few_photos(
    sample_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOREBRIDGE_DATA", str(sample_data))
    results = {result.name: result for result in codes(every=30, mutated=200)}
    assert results["codes: products read right"].holds
    assert results["codes: false reads on photos without a code"].value == 0
    accepted = [result for name, result in results.items() if "accepted" in name]
    assert [result.value for result in accepted] == [0]


def test_a_hundred_thousand_changed_pictures_and_payloads_stop_nothing() -> None:
    (result,) = mutate_codes(100_000)
    assert result.holds
