"""One line of the benchmark table: what was measured, beside what, and whether the goal holds."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Better = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What must hold: `ratio` (to the peer), or `value` itself, at least or at most a number."""

    of: Literal["ratio", "value"]
    better: Better
    number: float

    def holds(self, *, value: float, ratio: float | None) -> bool:
        """Tell whether the goal holds for a measured value and its ratio to the peer."""
        measured = value if self.of == "value" else ratio
        if measured is None:
            return False
        return measured >= self.number if self.better == "at least" else measured <= self.number

    def __str__(self) -> str:
        return f"{self.of} {self.better} {self.number:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One measured figure: medians over `runs` runs in which ours and the peer took turns.

    A figure without a goal is printed to be known; it neither holds nor fails.
    """

    name: str
    value: float
    unit: str
    goal: Goal | None = None
    peer: str = ""
    peer_value: float | None = None
    runs: int = 1

    @property
    def ratio(self) -> float | None:
        """Return ours divided by the peer's, None without a peer."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def holds(self) -> bool | None:
        """Tell whether the goal holds, None where there is none."""
        return None if self.goal is None else self.goal.holds(value=self.value, ratio=self.ratio)

    def as_json(self) -> dict[str, object]:
        """Return the line as it is printed with `--json`."""
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "goal": None if self.goal is None else str(self.goal),
            "peer": self.peer or None,
            "peer_value": None if self.peer_value is None else round(self.peer_value, 4),
            "ratio": None if self.ratio is None else round(self.ratio, 4),
            "holds": self.holds,
            "runs": self.runs,
        }


def in_turns(
    ours: Callable[[], float], peer: Callable[[], float], *, runs: int
) -> tuple[float, float]:
    """Measure ours and the peer in turns, and return the medians of both.

    On a shared machine a slow minute then hits both alike.
    """
    pairs = [(ours(), peer()) if run % 2 else _swap(peer(), ours()) for run in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie: the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _swap(peer: float, ours: float) -> tuple[float, float]:
    return ours, peer
