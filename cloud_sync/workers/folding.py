"""From the ledger into shoppers, and from shoppers to decisions and downlink, a shard at a time."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TypeVar

import psycopg
from psycopg import Connection

from cloud_sync.database import Database, arrays, retried
from cloud_sync.decisions.changes import StoreChange
from cloud_sync.intake import ledger, quarantine
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.intake.quarantine import Poison
from cloud_sync.intake.tail import Tail
from cloud_sync.privacy.watch import Watch
from cloud_sync.publisher import put
from cloud_sync.shoppers.atoms.interests import count_some
from cloud_sync.shoppers.fold import Folded
from cloud_sync.workers.shards import Lease, LeaseLostError, fence
from wire.codec import encode_event
from wire.messages import Change

_log = logging.getLogger(__name__)

# Shoppers whom only old events touched are decided, so many at once, in turns that folded less than
# BUSY_EVENTS.
DUE_SHOPPERS_MAX = 20
BUSY_EVENTS = 200
# While live events come a step folds and decides no more than this, which takes some 20 ms. Of so
# many live events that they pile up it folds a quarter, which costs far less an event.
HURRIED_EVENTS_MAX = 150
HURRIED_PART = 4
HURRIED_SHOPPERS_MAX = 4

# Below all shards, tenants and shoppers.
ROUND_BEGINS = (-1, "", "")

Fold = Callable[[Connection, int, int, Sequence[LedgerEvent]], Folded]
Decide = Callable[[Connection, str, Collection[str], int], Sequence[StoreChange]]
Shopper = tuple[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step did: events folded, and whether more is waiting."""

    folded: int = 0
    more: bool = False


class Folding:
    """Folds the shards that this worker owns, each from its own position.

    Guarantees:
    - events, position, decisions and downlink of a step commit together, under the lease's epoch;
    - a live event's shoppers are decided in its own step, those of the backlog when it is folded;
    - a step folds little more than `events_max` events, and the next one goes on with other shards;
    - an event that the database refuses is quarantined alone, and the shard goes on.
    """

    def __init__(
        self,
        database: Database,
        fold: Fold,
        decide: Decide,
        *,
        events_max: int,
        watch: Watch | None = None,
    ) -> None:
        self._watch = watch or Watch()
        self._database = database
        self._fold = fold
        self._decide = decide
        self._events_max = events_max
        self._last = -1
        self._round_at = ROUND_BEGINS
        self._tail = Tail()

    def remember(self, appended: Mapping[int, Sequence[LedgerEvent]]) -> None:
        """Take note of events that were just appended, so that they need not be read back."""
        self._tail.add(appended)

    @property
    def remembered(self) -> int:
        """Return how many events are kept in memory until they are folded."""
        return self._tail.count

    def step(
        self,
        leases: Mapping[int, Lease],
        now: int,
        behind: Mapping[int, int],
        *,
        patient: bool = False,
        hurried: bool = False,
    ) -> Step:
        """Fold events of the shards that are `behind`, given with how many events wait in each.

        A hurried step is short, see `hurried_events`, since somebody may come meanwhile.

        A patient step lets a shard's events gather until they are `events_max`: the facts of many
        events merge into few rows, so a large backlog costs far less.
        """
        self._tail.forget_all_but(behind)
        most = self._events_max
        if hurried:
            most = min(most, hurried_events(sum(behind.values())))
        fewest = self._events_max if patient else 1
        shards = [shard for shard, events in behind.items() if events >= fewest]
        folded = 0
        for shard in sorted(shards, key=lambda shard: (shard <= self._last, shard)):
            folded += self._step_shard(leases[shard], most, now)
            self._last = shard
            if folded >= most:
                break
        busy = folded >= BUSY_EVENTS
        return Step(folded=folded, more=busy or bool(shards and not patient))

    def decide_due(
        self, leases: Mapping[int, Lease], now: int, *, most: int = DUE_SHOPPERS_MAX
    ) -> bool:
        """Decide some of those whom old events touched, round by round.

        Says False when the round is over: who was touched again meanwhile waits for the next one.
        """
        if not leases:
            return False
        with self._database.ledger(min(leases)) as connection:
            due = connection.execute(
                "SELECT shard, tenant, shopper FROM shopper_due WHERE shard = ANY(%s)"
                " AND (shard, tenant, shopper) > (%s, %s, %s) ORDER BY shard, tenant, shopper"
                " LIMIT %s",
                (list(leases), *self._round_at, most),
            ).fetchall()
        if not due:
            self._round_at = ROUND_BEGINS
            return False
        lease = leases[due[0][0]]
        shoppers = [(tenant, shopper) for shard, tenant, shopper in due if shard == lease.shard]
        self._unless_lost(lease, partial(self._decide_due, lease, shoppers, now))
        self._round_at = (lease.shard, *shoppers[-1])
        return True

    def count_interests(self, leases: Mapping[int, Lease]) -> bool:
        """Count some pairs of products that people were interested in; tells of any."""
        shard = min(leases)
        return bool(retried(lambda: self._database.ledger(shard), lambda c: count_some(c, shard)))

    def _step_shard(self, lease: Lease, events_max: int, now: int) -> int:
        try:
            folded = self._unless_lost(lease, partial(self.fold_some, lease, events_max, now))
        except psycopg.DataError as error:
            if events_max > 1:
                return self._step_shard(lease, events_max // 2, now)
            reason = f"the database refuses what it says: {error}"
            folded = self._unless_lost(lease, partial(self._set_aside, lease, reason, now))
        if folded:
            self._tail.forget(lease.shard, folded[-1].position)
        return len(folded)

    def _unless_lost(self, lease: Lease, work: Callable[[Connection], list[T]]) -> list[T]:
        try:
            return retried(lambda: self._database.pipelined(lease.shard), work)
        except LeaseLostError:
            _log.info("a shard was taken over while it was folded; its new owner goes on")
            return []

    def fold_some(
        self, lease: Lease, events_max: int, now: int, connection: Connection
    ) -> list[LedgerEvent]:
        """Fold the next events of a shard in the caller's transaction, and return them."""
        events = _next(connection, lease, events_max, self._tail, self._watch)
        if not events:
            return []
        folded = self._fold(connection, lease.shard, lease.epoch, events)
        self._answer(connection, folded.live, now)
        _let_wait(connection, lease.shard, folded.touched - folded.live)
        _move(connection, lease, events[-1])
        if not (folded.live or folded.told):
            # The commit need not wait for the disk: nobody is told of anything yet. Should the
            # server crash, facts and position are lost together, and the events, whose own commit
            # did wait, are folded again. What is decided from these facts later is committed
            # after them in the same log, so that it cannot survive them.
            connection.execute("SET LOCAL synchronous_commit = off")
        return events

    def _decide_due(
        self, lease: Lease, shoppers: Sequence[Shopper], now: int, connection: Connection
    ) -> list[Shopper]:
        rows = connection.execute(
            "DELETE FROM shopper_due WHERE (shard, tenant, shopper) IN"
            " (SELECT shard, tenant, shopper FROM shopper_due JOIN"
            "  unnest(%s::text[], %s::text[]) AS asked (tenant, shopper) USING (tenant, shopper)"
            "  WHERE shard = %s ORDER BY tenant, shopper FOR UPDATE OF shopper_due)"
            " RETURNING tenant, shopper",
            (
                [tenant for tenant, _ in shoppers],
                [shopper for _, shopper in shoppers],
                lease.shard,
            ),
        ).fetchall()
        self._answer(connection, {(tenant, shopper) for tenant, shopper in rows}, now)
        fence(connection, [lease])
        return [(tenant, shopper) for tenant, shopper in rows]

    def _answer(self, connection: Connection, shoppers: Iterable[Shopper], now: int) -> None:
        by_tenant: dict[str, set[str]] = defaultdict(set)
        for tenant, shopper in shoppers:
            by_tenant[tenant].add(shopper)
        by_store: dict[tuple[str, str], list[Change]] = defaultdict(list)
        for tenant in sorted(by_tenant):
            for each in self._decide(connection, tenant, by_tenant[tenant], now):
                by_store[each.tenant, each.store].append(each.change)
        for tenant, store in sorted(by_store):
            put(connection, tenant, store, by_store[tenant, store])

    def _set_aside(
        self, lease: Lease, reason: str, now: int, connection: Connection
    ) -> list[LedgerEvent]:
        events = _next(connection, lease, 1, Tail(), self._watch)
        for each in events:
            poison = Poison(
                shard=each.shard,
                tenant=each.tenant,
                store=each.store or "",
                stream=b"",
                first=each.position,
                count=1,
                part="fold",
                reason=reason,
                payload=encode_event(each.event),
                quarantined_at=now,
            )
            quarantine.keep(connection, [poison])
            _move(connection, lease, each)
            _log.warning("an event that cannot be folded was set aside")
        return events


def hurried_events(waiting: int) -> int:
    """Return how many of the events that wait are folded in one step while live ones come."""
    return max(HURRIED_EVENTS_MAX, waiting // HURRIED_PART)


def _next(
    connection: Connection, lease: Lease, events_max: int, tail: Tail, watch: Watch
) -> list[LedgerEvent]:
    """Return the next events of a shard, blank where their shopper was erased since."""
    folded = connection.execute(
        "SELECT position, day FROM shard_fold WHERE shard = %s FOR UPDATE", (lease.shard,)
    )
    # It begins when the lock is held: an erasure waits for this lock once it is committed.
    learn = watch.ask(connection)
    position, day = folded.fetchone() or (0, date.min)
    learn()
    events = tail.read(lease.shard, position, events_max) or ledger.read(
        connection, lease.shard, position, events_max, since=day
    )
    return watch.left(connection, events)


def _move(connection: Connection, lease: Lease, last: LedgerEvent) -> None:
    connection.execute(
        "UPDATE shard_fold SET position = %s, day = %s, epoch = %s WHERE shard = %s",
        (last.position, last.day, lease.epoch, lease.shard),
    )
    fence(connection, [lease])


def _let_wait(connection: Connection, shard: int, shoppers: Collection[Shopper]) -> None:
    if shoppers:
        ordered = sorted(shoppers)
        connection.execute(
            "INSERT INTO shopper_due (shard, tenant, shopper)"
            " SELECT %s, tenant, shopper FROM unnest(%s::text[], %s::text[])"
            " AS due (tenant, shopper) ON CONFLICT DO NOTHING",
            (
                shard,
                arrays.texts(tenant for tenant, _ in ordered),
                arrays.plain(shopper for _, shopper in ordered),
            ),
        )
