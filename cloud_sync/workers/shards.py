"""Who works on which shard: leases by the database's clock, shared fairly among the workers."""

import logging
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import Connection

from cloud_sync.database import Database, retried
from wire.topics import SHARDS

_log = logging.getLogger(__name__)

LOST = (psycopg.OperationalError, psycopg.InterfaceError)
OWNER_BYTES = 8
WORKER_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLimits:
    """How long a lease holds; a killed worker's shards have a new owner after both first times."""

    lease_s: float = 3.0
    renew_every_s: float = 0.5
    # A worker whose loop has not turned for this long gives its shards away.
    stall_s_max: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on one shard; `owner` is a new random id with each new epoch."""

    shard: int
    epoch: int
    owner: bytes


class LeaseLostError(Exception):
    """Another worker has taken the shard over: what was begun must not be committed."""


def fair_share(workers: int) -> int:
    """Return how many shards each of `workers` may hold, so that all shards are held."""
    return -(-SHARDS // max(workers, 1))


def renew(connection: Connection, worker: bytes, lease_s: float) -> dict[int, Lease]:
    """Say that a worker lives, and prolong those of its leases that have not lapsed."""
    connection.execute(
        "INSERT INTO worker (worker, alive_until)"
        " VALUES (%(worker)s, clock_timestamp() + %(lease_s)s * interval '1 second')"
        " ON CONFLICT (worker) DO UPDATE SET alive_until = excluded.alive_until",
        {"worker": worker, "lease_s": lease_s},
    )
    rows = connection.execute(
        "WITH mine AS (SELECT shard FROM shard_lease WHERE worker = %(worker)s"
        "  AND leased_until > clock_timestamp() ORDER BY shard FOR UPDATE)"
        " UPDATE shard_lease SET leased_until = clock_timestamp()"
        "  + %(lease_s)s * interval '1 second'"
        " FROM mine WHERE shard_lease.shard = mine.shard"
        " RETURNING shard_lease.shard, epoch, owner",
        {"worker": worker, "lease_s": lease_s},
    ).fetchall()
    return {row[0]: Lease(shard=row[0], epoch=row[1], owner=row[2]) for row in rows}


def claim(connection: Connection, worker: bytes, lease_s: float, count: int) -> dict[int, Lease]:
    """Take up to `count` shards that nobody holds, each with a new epoch and owner id."""
    free = connection.execute(
        "SELECT shard, epoch FROM shard_lease WHERE leased_until <= clock_timestamp()"
        " ORDER BY shard LIMIT %s FOR UPDATE SKIP LOCKED",
        (count,),
    ).fetchall()
    leases = {
        shard: Lease(shard=shard, epoch=epoch + 1, owner=secrets.token_bytes(OWNER_BYTES))
        for shard, epoch in free
    }
    for lease in leases.values():
        connection.execute(
            "UPDATE shard_lease SET epoch = %s, owner = %s, worker = %s, leased_until ="
            " clock_timestamp() + %s * interval '1 second' WHERE shard = %s",
            (lease.epoch, lease.owner, worker, lease_s, lease.shard),
        )
    return leases


def release(connection: Connection, worker: bytes, shards: Iterable[int]) -> None:
    """Give shards back, so that another worker need not wait for the leases to lapse."""
    connection.execute(
        "WITH mine AS (SELECT shard FROM shard_lease WHERE worker = %s AND shard = ANY(%s)"
        "  ORDER BY shard FOR UPDATE)"
        " UPDATE shard_lease SET leased_until = '-infinity' FROM mine"
        " WHERE shard_lease.shard = mine.shard",
        (worker, list(shards)),
    )


def workers_alive(connection: Connection) -> int:
    """Count the workers alive, and forget those long gone."""
    connection.execute(
        "DELETE FROM worker WHERE alive_until < clock_timestamp() - interval '1 hour'"
    )
    row = connection.execute(
        "SELECT count(*) FROM worker WHERE alive_until > clock_timestamp()"
    ).fetchone()
    return row[0] if row else 0


def fence(connection: Connection, leases: Iterable[Lease]) -> None:
    """Make sure that the leases are still the newest until this transaction has ended.

    Called last before the commit: a takeover then waits for it. Raises LeaseLostError.
    """
    wanted = {lease.shard: lease.epoch for lease in leases}
    rows = connection.execute(
        "SELECT shard, epoch FROM shard_lease WHERE shard = ANY(%s) ORDER BY shard FOR SHARE",
        (list(wanted),),
    ).fetchall()
    lost = sorted(shard for shard, epoch in rows if wanted[shard] != epoch)
    if lost or len(rows) != len(wanted):
        raise LeaseLostError(f"shards {lost} have another owner now; their work is left to it")


class Leases:
    """The leases of one worker, kept alive by a thread of their own.

    Guarantees:
    - `held` names only leases that were alive by the database's clock within the last `lease_s`;
    - a lost connection voids all leases, since the database that comes back may be a restored one:
      they are claimed anew, with new owner ids;
    - a worker of whose loops one stands still loses its shards after `stall_s_max`.
    """

    def __init__(self, database: Database, limits: LeaseLimits | None = None) -> None:
        """Prepare; `start` begins to claim."""
        self.worker = secrets.token_bytes(WORKER_BYTES)
        self._database = database
        self._limits = limits or LeaseLimits()
        self._held: Mapping[int, Lease] = {}
        self._held_until = 0.0
        self._turned_at: dict[str, float] = {}
        self._started_at = time.monotonic()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Claim a first share and keep it from now on."""
        self._thread.start()

    def close(self) -> None:
        """Give all shards back."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def held(self, loop: str) -> Mapping[int, Lease]:
        """Return the leases held now, by shard; the named loop thereby shows that it turns."""
        now = self._turned_at[loop] = time.monotonic()
        return self._held if now < self._held_until else {}

    def void(self) -> None:
        """Drop all leases, as the database was lost; they are claimed anew as another worker."""
        with self._lock:
            self._held = {}
            self.worker = secrets.token_bytes(WORKER_BYTES)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._tick()
            self._closing.wait(self._limits.renew_every_s)
        try:
            with self._database.ledger(0) as connection:
                release(connection, self.worker, range(SHARDS))
                connection.execute("DELETE FROM worker WHERE worker = %s", (self.worker,))
        except LOST:
            _log.warning("the shards could not be given back: their leases will lapse")
        self._held = {}

    def _tick(self) -> None:
        begun_at = time.monotonic()
        worker = self.worker
        try:
            held = retried(lambda: self._database.ledger(0), lambda each: self._share(each, worker))
        except LOST:
            if self._held:
                _log.warning("the database was lost: all leases are void")
            self.void()
            return
        with self._lock:
            if worker != self.worker:
                return
            if held.keys() != self._held.keys():
                _log.info("this worker now holds %d of %d shards", len(held), SHARDS)
            self._held_until = begun_at + self._limits.lease_s
            self._held = held

    def _share(self, connection: Connection, worker: bytes) -> dict[int, Lease]:
        turned_at = min(self._turned_at.values(), default=self._started_at)
        if time.monotonic() - turned_at > self._limits.stall_s_max:
            release(connection, worker, range(SHARDS))
            return {}
        held = renew(connection, worker, self._limits.lease_s)
        share = fair_share(workers_alive(connection))
        if len(held) > share:
            excess = sorted(held)[share:]
            release(connection, worker, excess)
            return {shard: lease for shard, lease in held.items() if shard not in excess}
        if len(held) < share:
            held |= claim(connection, worker, self._limits.lease_s, share - len(held))
        return held
