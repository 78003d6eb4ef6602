"""What goes with what and what sells where, remembered for some seconds by one worker.

Both are sums over everybody, which one more look or order hardly changes; asked anew for each
shopper they cost more than all else that a decision reads.
"""

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from psycopg import Connection

from cloud_sync.decisions.recommend import Neighbour, ask_bestsellers, ask_neighbours

REMEMBERED_US = 10_000_000
# Of more products or stores all are forgotten, and asked for again as they are needed.
REMEMBERED_MAX = 50_000

T = TypeVar("T")
Ask = Callable[[Connection, str, Collection[str]], Callable[[], dict[str, list[T]]]]


class Trends:
    """The neighbours of products and the bestsellers of stores, not older than REMEMBERED_US."""

    def __init__(self) -> None:
        self._near = _Memory[Neighbour](ask_neighbours)
        self._best = _Memory[tuple[str, int]](ask_bestsellers)

    def ask_neighbours(
        self, connection: Connection, tenant: str, products: Collection[str], now: int
    ) -> Callable[[], dict[str, list[Neighbour]]]:
        """Ask for the neighbours of products, as `recommend.ask_neighbours`, at `now` (µs UTC)."""
        return self._near.ask(connection, tenant, products, now)

    def ask_bestsellers(
        self, connection: Connection, tenant: str, stores: Collection[str], now: int
    ) -> Callable[[], dict[str, list[tuple[str, int]]]]:
        """Ask for the bestsellers of stores, as `recommend.ask_bestsellers`, at `now` (µs UTC)."""
        return self._best.ask(connection, tenant, stores, now)


class _Memory(Generic[T]):
    """Answers by tenant and name, and until when each is good."""

    def __init__(self, ask: Ask[T]) -> None:
        self._ask = ask
        self._known: dict[tuple[str, str], tuple[int, list[T]]] = {}

    def ask(
        self, connection: Connection, tenant: str, names: Collection[str], now: int
    ) -> Callable[[], dict[str, list[T]]]:
        found: dict[str, list[T]] = {}
        for name in names:
            until, known = self._known.get((tenant, name), (0, []))
            # Also an answer of the future is none: the clock was set back.
            if now < until <= now + REMEMBERED_US:
                found[name] = known
        missing = set(names) - found.keys()
        if not missing:
            return lambda: found
        answers = self._ask(connection, tenant, missing)

        def read() -> dict[str, list[T]]:
            fresh = answers()
            if len(self._known) + len(fresh) > REMEMBERED_MAX:
                self._known.clear()
            for name, known in fresh.items():
                self._known[tenant, name] = (now + REMEMBERED_US, known)
            return found | fresh

        return read
