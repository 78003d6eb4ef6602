"""The newest events of each shard, kept as they were appended so that they need not be read back.

This is no queue: what is not here is read from the ledger, which alone says what there is.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from itertools import islice

from cloud_sync.intake.ledger import LedgerEvent

# About 20 MB; what comes beyond is read from the ledger.
TAIL_EVENTS_MAX = 20_000


class Tail:
    """Committed events without a gap, up to `events_max` of all shards; for several threads."""

    def __init__(self, events_max: int = TAIL_EVENTS_MAX) -> None:
        """Begin with none."""
        self._events_max = events_max
        self._lock = threading.Lock()
        self._kept: dict[int, list[LedgerEvent]] = {}

    def add(self, appended: Mapping[int, Sequence[LedgerEvent]]) -> None:
        """Keep events that were appended, after the commit; positions of a shard in order."""
        with self._lock:
            for shard, events in appended.items():
                kept = self._kept.setdefault(shard, [])
                if kept and kept[-1].position + 1 != events[0].position:
                    kept.clear()  # another writer stood between
                kept.extend(events)
                if sum(map(len, self._kept.values())) > self._events_max:
                    del self._kept[shard]

    def read(self, shard: int, after: int, limit: int) -> list[LedgerEvent]:
        """Return up to `limit` events that follow position `after`, none if the first is not here.

        Those up to `after` are forgotten.
        """
        with self._lock:
            kept = self._kept.get(shard)
            if not kept or after + 1 < kept[0].position:
                return []
            del kept[: after + 1 - kept[0].position]
            return list(islice(kept, limit))

    @property
    def count(self) -> int:
        """Return how many events are kept."""
        with self._lock:
            return sum(map(len, self._kept.values()))

    def forget(self, shard: int, position: int) -> None:
        """Forget the events of a shard up to a position: they are folded."""
        with self._lock:
            if kept := self._kept.get(shard):
                del kept[: max(0, position + 1 - kept[0].position)]

    def forget_all_but(self, shards: Collection[int]) -> None:
        """Forget the events of shards that are another worker's now."""
        with self._lock:
            for shard in self._kept.keys() - shards:
                del self._kept[shard]
