"""Side by side with peers and limits: each benchmark prints ratios from one run."""

from collections.abc import Callable, Iterable

from benchmarks.result import Result

BENCHMARKS: dict[str, Callable[[], Iterable[Result]]] = {}
