"""The downlink: what each store shall know is put into tables, and sent until it is applied."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace
from psycopg import Connection

from cloud_sync.database import Database, retried
from cloud_sync.intake.incoming import Incoming
from cloud_sync.intake.revisions import (
    UPDATE_TIMEOUT_MS,
    DownState,
    Put,
    Span,
    due,
    on_applied,
    on_birth,
    on_sent,
)
from cloud_sync.workers.shards import Lease
from wire.codec import encode
from wire.messages import Applied, Birth, Change, Update
from wire.topics import down_topic, shard_of

# What is above the first two limits goes into the next Update, above the third waits for a turn.
UPDATE_CHANGES_MAX = 500
UPDATE_BYTES_MAX = 400_000
UPDATES_AT_ONCE_MAX = 8
# A value that cannot cross the wire is refused where it is put.
VALUE_BYTES_MAX = 200_000
# An Update without an answer is sent again after 2 s, then 4, 8 …
REPEAT_DELAY_MS_MAX = 60_000
SILENCES_COUNTED_MAX = 5

Publish = Callable[[str, bytes], bool]
StoreKey = tuple[str, str]


@dataclass(slots=True)
class _Line:
    """The downlink to one store that has been heard: its state, and how often it kept silent."""

    state: DownState
    silences: int = 0
    repeat_at_ms: int = 0


def put(connection: Connection, tenant: str, store: str, changes: Sequence[Change]) -> Put:
    """Set keys of a store's downlink, in the caller's transaction; a value None removes the key.

    Each key gets a revision of its own, above all before. The worker that owns the store's shard
    sends them when the transaction has committed. Call it for several stores in sorted order.
    """
    if any(len(change.value or b"") > VALUE_BYTES_MAX for change in changes):
        raise ValueError(f"a downlink value is above {VALUE_BYTES_MAX} B: make the view smaller")
    newest = {(change.table, change.key): change.value for change in changes}
    ordered = sorted(newest)
    put = tuple(Change(*each, newest[each]) for each in ordered)
    if not newest:
        return Put(tenant=tenant, store=store, changes=put, revision=lambda: 0)
    shard = shard_of(tenant, store)
    rows = connection.execute(
        "WITH line AS (INSERT INTO downlink AS held (shard, tenant, store, revision)"
        "  VALUES (%(shard)s, %(tenant)s, %(store)s, %(count)s)"
        "  ON CONFLICT (shard, tenant, store) DO UPDATE"
        "  SET revision = held.revision + excluded.revision RETURNING revision)"
        " INSERT INTO downlink_key (shard, tenant, store, view, key, value, revision)"
        " SELECT %(shard)s, %(tenant)s, %(store)s, view, key, value,"
        "  line.revision - %(count)s + place"
        " FROM line CROSS JOIN unnest(%(views)s::text[], %(keys)s::text[], %(values)s::bytea[])"
        "  WITH ORDINALITY AS put (view, key, value, place)"
        " ON CONFLICT (shard, tenant, store, view, key)"
        " DO UPDATE SET value = excluded.value, revision = excluded.revision RETURNING revision",
        {
            "shard": shard,
            "tenant": tenant,
            "store": store,
            "count": len(newest),
            "views": [view for view, _ in ordered],
            "keys": [key for _, key in ordered],
            "values": [newest[each] for each in ordered],
        },
    )
    return Put(
        tenant=tenant,
        store=store,
        changes=put,
        revision=lambda: max(revision for (revision,) in rows),
    )


def forget_removed(connection: Connection, rows_max: int) -> int:
    """Forget removed keys of stores that have applied the removal; returns how many.

    The line is locked first, as `put` and the publisher do, so that none of them goes back behind
    what is forgotten here.
    """
    row = connection.execute(
        "WITH line AS (SELECT shard, tenant, store, applied FROM downlink WHERE EXISTS"
        "  (SELECT FROM downlink_key AS removed WHERE removed.shard = downlink.shard"
        "   AND removed.tenant = downlink.tenant AND removed.store = downlink.store"
        "   AND value IS NULL AND removed.revision <= downlink.applied)"
        "  ORDER BY shard, tenant, store LIMIT %s FOR UPDATE SKIP LOCKED),"
        " gone AS (DELETE FROM downlink_key AS removed USING line"
        "  WHERE removed.shard = line.shard AND removed.tenant = line.tenant"
        "  AND removed.store = line.store AND value IS NULL AND removed.revision <= line.applied"
        "  RETURNING removed.shard, removed.tenant, removed.store, removed.revision),"
        " noted AS (UPDATE downlink SET forgotten = greatest(forgotten, up_to) FROM"
        "  (SELECT shard, tenant, store, max(revision) AS up_to FROM gone"
        "   GROUP BY shard, tenant, store) AS last"
        "  WHERE downlink.shard = last.shard AND downlink.tenant = last.tenant"
        "  AND downlink.store = last.store)"
        " SELECT count(*) FROM gone",
        (max(rows_max // UPDATE_CHANGES_MAX, 1),),
    ).fetchone()
    return row[0] if row else 0


class Publisher:
    """Sends Updates to the stores of the shards that this worker owns; for several threads.

    Guarantees:
    - an Update is sent only to a store that has said under this owner what it has applied, and is
      repeated, less and less often, until the store answers or its connection ends;
    - all keys changed in (start, end] stand in it, removed ones without a value.
    """

    def __init__(self, database: Database, publish: Publish) -> None:
        """`publish` sends a payload on a topic, or says False."""
        self._database = database
        self._publish = publish
        self._lines: dict[StoreKey, _Line] = {}
        self._lock = threading.Lock()

    def hear(self, leases: Mapping[int, Lease], said: Iterable[Incoming], now_ms: int) -> None:
        """Learn from committed Births and Applieds what the stores have."""
        heard = [each for each in said if each.topic.shard in leases]
        if not heard:
            return
        with self._lock:
            learnt = retried(
                lambda: self._database.ledger(heard[0].topic.shard),
                lambda connection: self._learn(connection, leases, heard, now_ms),
            )
            for key, state in learnt.items():
                line = self._lines.get(key)
                if line is None or state.applied != line.state.applied:
                    self._lines[key] = _Line(state)
                else:
                    line.state = state

    def forget(self, leases: Mapping[int, Lease], gone: Iterable[StoreKey] = ()) -> None:
        """Forget stores that went offline, and those whose shard has another owner."""
        owners = {lease.owner for lease in leases.values()}
        with self._lock:
            for key in gone:
                self._lines.pop(key, None)
            for key in [k for k, line in self._lines.items() if line.state.owner not in owners]:
                del self._lines[key]

    def wake(self, tenant: str, store: str, lease: Lease) -> None:
        """Make a store that lives say what it has applied, if it did not under this owner.

        An empty Update of an owner that it does not know makes it answer with a Birth.
        """
        if (tenant, store) not in self._lines:
            update = Update(owner=lease.owner, start=0, end=0, changes=())
            self._publish(down_topic(tenant, store), encode(update))

    def send(self, now_ms: int) -> int:
        """Send what is due and return the number of Updates."""
        with self._lock:
            if not self._lines:
                return 0
            shards = sorted({shard_of(*key) for key in self._lines})
            with self._database.question(shards[0]) as connection:
                return self._send_all(connection, shards, now_ms)

    def hand_over(self, put: Put, now_ms: int) -> bool:
        """Send what was just put and committed, without reading it back.

        Only where the store has been sent all before it; else it is left to `send`, and False said.
        """
        with self._lock:
            line = self._lines.get((put.tenant, put.store))
            size = sum(len(each.key) + len(each.value or b"") for each in put.changes)
            if line is None or not put.changes or size > UPDATE_BYTES_MAX:
                return False
            end = put.revision()
            state = replace(line.state, revision=max(line.state.revision, end))
            span = Span(end - len(put.changes), end, snapshot=False)
            if due(state, now_ms) != span:
                return False
            changes = tuple(put.changes)
            update = Update(owner=state.owner, start=span.start, end=end, changes=changes)
            if not self._publish(down_topic(put.tenant, put.store), encode(update)):
                return False
            line.state = on_sent(state, end, now_ms)
            return True

    def _send_all(self, connection: Connection, shards: Sequence[int], now_ms: int) -> int:
        sent = 0
        behind = connection.execute(
            "SELECT tenant, store, revision FROM downlink"
            " WHERE shard = ANY(%s) AND applied < revision",
            (list(shards),),
        ).fetchall()
        for tenant, store, revision in behind:
            line = self._lines.get((tenant, store))
            if line is not None and revision >= line.state.revision:
                line.state = replace(line.state, revision=revision)
                sent += self._send_to(connection, tenant, store, line, now_ms)
        return sent

    def _learn(
        self,
        connection: Connection,
        leases: Mapping[int, Lease],
        heard: Iterable[Incoming],
        now_ms: int,
    ) -> dict[StoreKey, DownState]:
        """Work out, and save, the state of each store after what it said, in sorted order."""
        learnt: dict[StoreKey, DownState] = {}
        for each in sorted(heard, key=lambda each: (each.topic.shard, each.topic.store)):
            key = (each.topic.tenant, each.topic.store)
            lease = leases[each.topic.shard]
            line = self._lines.get(key)
            state = learnt.get(key) or (line.state if line else DownState(owner=lease.owner))
            row = connection.execute(
                "INSERT INTO downlink AS line (shard, tenant, store) VALUES (%s, %s, %s)"
                " ON CONFLICT (shard, tenant, store) DO UPDATE SET owner = line.owner"
                " RETURNING revision, forgotten",
                (lease.shard, *key),
            ).fetchone()
            revision, forgotten = row or (0, 0)
            state = replace(state, owner=lease.owner, revision=revision, forgotten=forgotten)
            match each.message:
                case Birth():
                    state = on_birth(state, each.message)
                case Applied():
                    state = on_applied(state, each.message, now_ms)
            learnt[key] = state
            connection.execute(
                "UPDATE downlink SET revision = %s, owner = %s, applied = %s"
                " WHERE shard = %s AND tenant = %s AND store = %s",
                (state.revision, state.owner, state.applied, lease.shard, *key),
            )
        return learnt

    def _send_to(
        self, connection: Connection, tenant: str, store: str, line: _Line, now_ms: int
    ) -> int:
        state = line.state
        if state.sent > state.applied and now_ms - state.sent_ms >= UPDATE_TIMEOUT_MS:
            if now_ms < line.repeat_at_ms:
                return 0
            line.silences += 1
            delay_ms = UPDATE_TIMEOUT_MS << min(line.silences, SILENCES_COUNTED_MAX)
            line.repeat_at_ms = now_ms + min(delay_ms, REPEAT_DELAY_MS_MAX)
        sent = 0
        while sent < UPDATES_AT_ONCE_MAX and (span := due(line.state, now_ms)) is not None:
            update = _update(connection, tenant, store, line.state.owner, span)
            if not self._publish(down_topic(tenant, store), encode(update)):
                break
            line.state = on_sent(line.state, update.end, now_ms)
            sent += 1
        return sent


def _update(connection: Connection, tenant: str, store: str, owner: bytes, span: Span) -> Update:
    """Read the keys of a span, cut where the Update would become too large."""
    rows = connection.execute(
        "SELECT view, key, value, revision FROM downlink_key"
        " WHERE shard = %s AND tenant = %s AND store = %s AND revision > %s AND revision <= %s"
        " AND (value IS NOT NULL OR NOT %s) ORDER BY revision LIMIT %s",
        (
            shard_of(tenant, store),
            tenant,
            store,
            span.start,
            span.end,
            span.snapshot,
            UPDATE_CHANGES_MAX + 1,
        ),
    ).fetchall()
    size, fit = 0, 0
    for view, key, value, _ in rows[:UPDATE_CHANGES_MAX]:
        size += len(view) + len(key) + len(value or b"")
        if fit and size > UPDATE_BYTES_MAX:
            break
        fit += 1
    return Update(
        owner=owner,
        start=span.start,
        end=span.end if fit == len(rows) else rows[fit - 1][3],
        changes=tuple(Change(view, key, value) for view, key, value, _ in rows[:fit]),
        snapshot=span.snapshot,
    )
