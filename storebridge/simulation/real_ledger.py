"""The cloud's real database: the product's own intake and publisher over PostgreSQL."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import psycopg
from psycopg import sql

from cloud_sync import publisher
from cloud_sync.database import Database
from cloud_sync.intake import ledger, streams
from cloud_sync.intake.accept import StreamState
from cloud_sync.intake.incoming import Incoming, take_apart
from cloud_sync.intake.receive import receive, store
from cloud_sync.intake.streams import StreamKey
from cloud_sync.publisher import Publisher
from cloud_sync.workers.shards import Lease
from storebridge.simulation.numbered import TABLE
from storebridge.simulation.seams import Stored, Uplinked
from wire.codec import decode, encode
from wire.messages import Applied, Batch, Birth, Change, Update
from wire.topics import applied_topic, shard_of, state_topic, up_topic

TENANT, STORE = "acme", "s0001"
SHARD = shard_of(TENANT, STORE)
# Everything that a restore brings back.
TABLES = (
    "downlink",
    "downlink_key",
    "ledger",
    "quarantine",
    "shard_head",
    "store_twin",
    "stream",
    "stream_absent",
)
# A store that is heard makes the worker ask what it has applied.
WAKE_EVERY_MS = 2_000

Backup = Mapping[str, bytes]


class RealLedger:
    """A database that the product's shells read and write; see `seams.Ledger`.

    A new one empties the database; a copy is a backup of its tables, which is put back when
    somebody takes it over.
    """

    def __init__(self, database: Database, owner: bytes, backup: Backup | None = None) -> None:
        self._database = database
        self._lease = Lease(shard=SHARD, epoch=1, owner=owner)
        self._backup = backup
        self._due: list[Update] = []
        self._woke_ms = -WAKE_EVERY_MS
        self._publisher = Publisher(database, self._publish)
        if backup is None:
            self._empty()

    def copied(self) -> "RealLedger":
        """Copy the tables; a backup's copy is the same backup."""
        backup = self._backup if self._backup is not None else self._dump()
        return RealLedger(self._database, self._lease.owner, backup)

    def owner(self) -> bytes:
        """Return the present owner's id."""
        return self._lease.owner

    def take_over(self, owner: bytes) -> None:
        """Give the shard a new owner."""
        if self._backup is not None:
            self._put_back(self._backup)
            self._backup = None
        self._lease = Lease(shard=SHARD, epoch=self._lease.epoch + 1, owner=owner)
        self._publisher.forget({SHARD: self._lease})

    def crash(self, messages: Sequence[Uplinked], now_ms: int) -> None:
        """Drop the connection in the middle of the transaction that stores these messages."""
        connection = psycopg.connect(self._database.dsn)
        if messages:
            store(connection, [_incoming(message) for message in messages], now_ms * 1_000)
        connection.close()
        self._publisher = Publisher(self._database, self._publish)

    def state(self, stream: bytes) -> StreamState:
        """Return what is known of a stream."""
        key = StreamKey(SHARD, TENANT, STORE, stream)
        with self._database.ledger(SHARD) as connection:
            return streams.lock(connection, [key])[key]

    def store(self, messages: Sequence[Uplinked], now_ms: int) -> Stored:
        """Store messages in one transaction, and let the publisher hear of it."""
        incoming = [_incoming(message) for message in messages]
        states: dict[bytes, StreamState] = {}
        nonces: dict[bytes, bytes] = {}
        refused = 0
        for received in receive(self._database, incoming, now_ms * 1_000):
            states |= {key.stream: state for key, state in received.states.items()}
            nonces |= {key.stream: nonce for key, nonce in received.nonces.items()}
            refused += received.poisoned
            self._publisher.forget({SHARD: self._lease}, received.gone)
            self._publisher.hear({SHARD: self._lease}, received.said, now_ms)
        return Stored(states, nonces, refused)

    def updates(self, now_ms: int) -> Sequence[Update]:
        """Return what is due of the downlink, and count it as sent."""
        if now_ms - self._woke_ms >= WAKE_EVERY_MS:
            self._woke_ms = now_ms
            self._publisher.wake(TENANT, STORE, self._lease)
        self._publisher.send(now_ms)
        due, self._due = self._due, []
        return due

    def events(self) -> Sequence[int]:
        """Return the numbers of all events held, in order, one for each ledger row."""
        numbers: list[int] = []
        after = 0
        with self._database.ledger(SHARD) as connection:
            while found := ledger.read(connection, SHARD, after):
                numbers += [each.event.mono_ms for each in found]
                after = found[-1].position
        return numbers

    def reported(self) -> Mapping[bytes, AbstractSet[int]]:
        """Return the seqs that were reported absent, by stream."""
        with self._database.ledger(SHARD) as connection:
            rows = connection.execute("SELECT stream, first, last FROM stream_absent").fetchall()
        reported: dict[bytes, set[int]] = {}
        for stream, first, last in rows:
            reported.setdefault(stream, set()).update(range(first, last + 1))
        return reported

    def put(self, key: str, value: bytes | None) -> None:
        """Change a downlink key."""
        with self._database.ledger(SHARD) as connection:
            publisher.put(connection, TENANT, STORE, [Change(TABLE, key, value)])

    def keys(self) -> Mapping[str, bytes]:
        """Return all downlink keys that have a value."""
        with self._database.ledger(SHARD) as connection:
            rows = connection.execute(
                "SELECT key, value FROM downlink_key WHERE value IS NOT NULL"
            ).fetchall()
        return dict(rows)

    def _publish(self, _topic: str, payload: bytes) -> bool:
        message = decode(payload)
        if isinstance(message, Update):
            self._due.append(message)
        return True

    def _empty(self) -> None:
        others = [table for table in TABLES if table != "shard_head"]
        with self._database.ledger(SHARD) as connection:
            _truncate(connection, others)
            connection.execute("UPDATE shard_head SET position = 0, day = '2000-01-01'")

    def _dump(self) -> Backup:
        backup = {}
        with self._database.ledger(SHARD) as connection, connection.cursor() as cursor:
            for table in TABLES:
                query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT BINARY)")
                with cursor.copy(query.format(sql.Identifier(table))) as copy:
                    backup[table] = b"".join(map(bytes, copy))
        return backup

    def _put_back(self, backup: Backup) -> None:
        with self._database.ledger(SHARD) as connection, connection.cursor() as cursor:
            _truncate(connection, TABLES)
            for table, content in backup.items():
                query = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)")
                with cursor.copy(query.format(sql.Identifier(table))) as copy:
                    copy.write(content)


def _truncate(connection: psycopg.Connection, tables: Sequence[str]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    connection.execute(sql.SQL("TRUNCATE {}").format(names))


def _incoming(message: Uplinked) -> Incoming:
    """Let a message cross the wire, and take it apart as the worker does."""
    match message:
        case Batch():
            topic = up_topic(TENANT, STORE, message.lane)
        case Birth():
            topic = state_topic(TENANT, STORE)
        case Applied():
            topic = applied_topic(TENANT, STORE)
    return take_apart(topic, encode(message))
