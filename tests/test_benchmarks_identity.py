"""The benchmark of identity runs small, and holds what it promises there too."""

from pathlib import Path

import pytest

from benchmarks.durable import durable
from benchmarks.identity import identity
from benchmarks.identity_online import identity_online


def test_the_benchmark_runs_on_few_people(
    sample_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOREBRIDGE_DATA", str(sample_data))
    results = list(identity(every=40, people=300))
    assert [result.name for result in results if result.holds is False] == []
    assert len(results) == 12


def test_the_benchmark_of_durable_identity_runs_small() -> None:
    results = list(durable(identifiers=(4_000,), links=5_000, runs=1))
    assert [result.runs for result in results] == [1, 1, 1]
    assert all(result.value > 0 and result.peer_value for result in results)


def test_the_online_benchmark_runs_on_few_records() -> None:
    *times, agreement = identity_online(records=400, new=40)
    assert [result.unit for result in times] == ["ms", "ms"]
    assert agreement.value >= 0.95
