"""The benchmark of people runs, small, as far as its clip is there."""

from pathlib import Path

import pytest

from benchmarks.people import people


def test_it_prints_its_figures(sample_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOREBRIDGE_DATA", str(sample_data))
    results = list(people(frames_max=120))
    assert results[0].value > 0
    assert [result.unit for result in results].count("% of a core") == 2
