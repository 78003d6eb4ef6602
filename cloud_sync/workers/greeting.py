"""Greeting: who arrives is answered in the transaction that stores the arrival."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace
from psycopg import Connection

from cloud_sync.decisions import prepared
from cloud_sync.decisions.coupons import Coupon, write_leases
from cloud_sync.decisions.decide import SHOWN_IN_STORES
from cloud_sync.decisions.prepared import Asked
from cloud_sync.decisions.telling import checksum, note
from cloud_sync.intake.revisions import Put
from cloud_sync.intake.streams import StreamKey
from cloud_sync.publisher import put
from cloud_sync.shoppers.graph.identity import recognised
from cloud_sync.workers.shards import Lease
from wire.events import Arrival, Event
from wire.identifiers import Identifier
from wire.messages import Change
from wire.views import encode_view

# Of more arrivals in one transaction the rest is answered by the fold.
GREETED_AT_ONCE_MAX = 20


class Greeting:
    """Answers live arrivals from what was prepared; the fold decides anew, and tells what differs.

    Guarantees:
    - it waits for nobody's work on the same shopper, and holds only under the newest lease;
    - a coupon is leased under its shopper's lock, by what stands in its row then;
    - what a store was told is noted with it, so that the fold tells the same thing once.
    """

    def __init__(self, leases: Mapping[int, Lease], now: int) -> None:
        """Prepare for one transaction; `now` is µs UTC."""
        self._leases = leases
        self._now = now
        self.missed: dict[Asked, Identifier] = {}

    def ask(
        self, connection: Connection, live: Sequence[tuple[StreamKey, Event]]
    ) -> Callable[[], list[Put]]:
        """Ask what is prepared for those of these live events that arrive.

        What is returned leases, notes and puts it, all in the caller's transaction; `missed` are
        then those who could not be answered, since somebody else worked on them or their store.
        """
        arrivals: dict[Asked, Identifier] = {}
        for key, event in live:
            if isinstance(event.body, Arrival) and key.shard in self._leases:
                for atom, identifier in list(recognised(event).items())[:1]:
                    epoch = self._leases[key.shard].epoch
                    if identifier.kind in SHOWN_IN_STORES:
                        asked = Asked(key.shard, epoch, key.tenant, key.store, atom)
                        arrivals[asked] = identifier
        return self._ask(connection, arrivals)

    def again(self, connection: Connection, missed: Mapping[Asked, Identifier]) -> list[Put]:
        """Answer those who were missed a moment ago, as far as it can be done by now."""
        return self._ask(connection, missed)()

    def _ask(
        self, connection: Connection, arrivals: Mapping[Asked, Identifier]
    ) -> Callable[[], list[Put]]:
        some = sorted(arrivals)[:GREETED_AT_ONCE_MAX]
        if not some:
            return list
        found = prepared.ask(connection, some, self._now)
        return lambda: self._greet(connection, arrivals, found())

    def _greet(
        self,
        connection: Connection,
        arrivals: Mapping[Asked, Identifier],
        found: Mapping[Asked, prepared.Found | None],
    ) -> list[Put]:
        self.missed = {asked: arrivals[asked] for asked, ready in found.items() if ready is None}
        leased: list[Coupon] = []
        changes: dict[tuple[str, str], list[Change]] = defaultdict(list)
        for asked, ready in found.items():
            if ready is None:
                continue
            tenant, store, identifier = asked.tenant, asked.store, arrivals[asked]
            view, coupons = prepared.arrived(ready, store, self._now)
            told = checksum(encode_view(view))
            if told == ready.told:
                continue
            leased += coupons
            note(connection, tenant, {(identifier, store): told})
            value = encode_view(replace(view, decided_at=self._now))
            changes[tenant, store].append(Change("shopper", identifier.key, value))
        write_leases(connection, leased)
        return [put(connection, *key, changes[key]) for key in sorted(changes)]
