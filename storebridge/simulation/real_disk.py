"""A store's real disk: the product's own outbox, stream, local view and wallet in a file."""

import itertools
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from msgspec.structs import replace

from edge_agent import downlink
from edge_agent.clock import EARLIEST_AT, Instant
from edge_agent.database import outbox, streams
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery import delivery_store, retention
from edge_agent.delivery.delivery import DeliveryState
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.delivery.tidy import tidy
from edge_agent.doorbell import Doorbell
from edge_agent.visits import wallet
from edge_agent.visits.visits import Visit
from storebridge.simulation.numbered import TABLE, number_of
from storebridge.simulation.seams import Dropped, Found
from wire.events import Clock, Event
from wire.messages import Update
from wire.views import Because, CouponView

FILE = "store.sqlite3"
# The product marks receipts a minute apart; so many times faster runs the simulated store's time.
PACE = 100
NOBODY = Visit(
    visit=b"simulate", kiosk="kiosk", zone="entrance", identifiers=(), began_at=0, touched_at=0
)
LONG_AGO = Instant(at=0, mono_ms=0, boot=0, quality=Clock.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file in use, and the one recorder that writes it."""

    database: Database
    recorder: Recorder


class Rack:
    """Holds the disks of a schedule, each a folder; `close` ends whatever runs on them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._disks: list[RealDisk] = []

    def disk(self, _stream: bytes) -> "RealDisk":
        """Return a new, empty disk; its first stream is the one that the product begins."""
        return self.put(self.folder())

    def put(self, folder: Path) -> "RealDisk":
        """Return the disk whose file lies in a folder."""
        disk = RealDisk(self, folder)
        self._disks.append(disk)
        return disk

    def folder(self) -> Path:
        """Make a new folder for a disk."""
        folder = self._folder / f"disk-{next(self._numbers)}"
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Close all files."""
        for disk in self._disks:
            disk.close()


class RealDisk:
    """A file that the product's shells read and write; see `seams.Disk`.

    It is opened when first used. A backup and a clone are copies of the file and its log as they
    lie there, without a word to whoever writes it.
    """

    def __init__(self, rack: Rack, folder: Path) -> None:
        self._rack = rack
        self._folder = folder
        self._open: _Opened | None = None

    def copied(self) -> "RealDisk":
        """Copy the file as it lies on the disk."""
        folder = self._rack.folder()
        _copy_files(self._folder, folder)
        return self._rack.put(folder)

    def crash(self) -> None:
        """Cut the power in the middle of a transaction: what is not in the file by then is gone."""
        left = self._rack.folder()
        connection = self._opened.database.writer
        # With so small a cache a part of the transaction is in the log before it commits.
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN IMMEDIATE")
        lost = outbox.append(connection, outbox.tail_of(connection), b"never committed", 0)
        outbox.save_tail(connection, lost)
        _copy_files(self._folder, left)
        connection.execute("ROLLBACK")
        self.close()
        shutil.rmtree(self._folder)
        self._folder = left

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._open is not None:
            self._open.recorder.close()
            self._open.database.close()
            self._open = None

    def boot(self) -> int:
        """Count a start, as the agent does."""
        return delivery_store.next_boot(self._opened.database)

    def load(self, now: Instant) -> DeliveryState:
        """Read the state of the delivery."""
        return delivery_store.load(self._reader, now)

    def record(self, event: Event) -> int:
        """Record an event through the recorder."""
        return self._recorder.record(event)

    def read(self, first: int, last: int) -> Found:
        """Read rows, each checked."""
        found = outbox.read(self._reader, self._tail.base, first, last)
        before = found.rows[0].before if found.rows else self.chain_at(first - 1) or 0
        return Found(tuple(row.row for row in found.rows), found.damaged, before)

    def chain_at(self, seq: int) -> int | None:
        """Return the chain checksum at a seq, as far as rows that are kept tell it."""
        return outbox.chain_at(self._reader, self._tail, seq)

    def save_session(self, session: int) -> None:
        """Keep the number of a session."""
        delivery_store.save_session(self._recorder, session)

    def save(self, state: DeliveryState, now: Instant) -> None:
        """Keep what a receipt taught, and that the cloud was heard now."""
        delivery_store.save_received(self._recorder, state, _paced(now))

    def set_aside(self, seqs: tuple[int, ...], now: Instant) -> None:
        """Take damaged rows out of the outbox and declare them absent."""
        delivery_store.set_aside(self._recorder, self.load(now), seqs, now)

    def prune(self, now: Instant, kept_ms: int) -> int:
        """Tidy the outbox, as the agent does every minute."""
        tidy(self._recorder, Limits(kept_after_receipt_s=kept_ms * PACE // 1_000), now)
        return outbox.first_kept(self._reader, self._tail)

    def make_room(self, rows_max: int) -> Dropped:
        """Free rows above a limit, as each recording does."""
        tail = self._tail
        if tail.kept_rows <= rows_max:
            return Dropped((), outbox.first_kept(self._reader, tail))
        kept = self._kept()
        limits = Limits(rows_max=rows_max + 1)

        def change(writing: Writing) -> None:
            writing.tail = retention.make_room(writing.connection, writing.tail, 0, limits, 0)

        self._recorder.write(change)
        gone = set(kept).difference(self._kept())
        return Dropped(tuple(sorted(gone)), outbox.first_kept(self._reader, tail))

    def begin_stream(self, _stream: bytes) -> Mapping[int, int]:
        """Begin a new stream, crash, and record all kept rows again, slice by slice."""
        gone, kept = outbox.absent_ranges(self._reader), self._kept()
        watermark, _ = outbox.receipted(self._reader, self._tail.number)
        lost = [
            seq for each in gone for seq in range(max(each.first, watermark + 1), each.last + 1)
        ]
        delivery_store.begin_stream(self._recorder)
        # Each time the power fails between the two: the former rows wait in their places.
        self.crash()
        seqs = {seq: at for at, seq in enumerate([*lost, *kept], 1)}
        while streams.former_rows(self._reader, self._tail):
            delivery_store.record_again(self._recorder, LONG_AGO)
        return seqs

    def apply(self, update: Update) -> None:
        """Change the local view, together with the revision applied."""
        downlink.apply(self._recorder, update)

    def view(self) -> Mapping[str, bytes]:
        """Return the local view."""
        query = "SELECT key, value FROM local_view WHERE view = ?"
        return dict(self._reader.execute(query, (TABLE,)).fetchall())

    def redeemed(self, coupon: str) -> bool:
        """Tell whether a coupon was used here."""
        query = "SELECT 1 FROM redemptions WHERE coupon = ?"
        return self._reader.execute(query, (coupon,)).fetchone() is not None

    def redeem(self, coupon: str, event: Event) -> int | None:
        """Use a coupon and record it in one transaction; None when it was used before."""
        redemption = wallet.Redemption(
            coupon=coupon,
            offer="",
            lease="",
            order="",
            amount_cents=0,
            currency="",
            redeemed_at=event.occurred_at,
        )

        view = CouponView(coupon=coupon, offer="", title={}, because=Because(reason=""))

        def change(writing: Writing) -> int:
            wallet.insert_redemption(writing, NOBODY, redemption, view)
            return writing.append(event)

        try:
            return self._recorder.write(change)
        except wallet.AlreadyRedeemed:
            return None

    def damage(self, rng: Random) -> int | None:
        """Flip a bit of some sound row at rest; its event's number, None when there is no row."""
        kept = self._kept()
        if not kept:
            return None
        seq = rng.choice(kept)
        found = outbox.read(self._reader, self._tail.base, seq, seq).rows
        if not found:
            return None
        row = found[0].row
        flipped = bytes((row[0] ^ 1,)) + row[1:]
        sql = "UPDATE outbox SET row = ? WHERE id = ?"
        self._recorder.write(lambda w: w.execute(sql, (flipped, self._tail.base + seq)))
        return number_of(row)

    @property
    def _opened(self) -> _Opened:
        if self._open is None:
            database = Database(self._folder / FILE)
            recorder = Recorder(database, Doorbell(), Limits(), now=lambda: EARLIEST_AT)
            recorder.start()
            self._open = _Opened(database, recorder)
        return self._open

    @property
    def _recorder(self) -> Recorder:
        return self._opened.recorder

    @property
    def _reader(self) -> sqlite3.Connection:
        return self._opened.database.reader()

    @property
    def _tail(self) -> outbox.Tail:
        return outbox.tail_of(self._reader)

    def _kept(self) -> list[int]:
        base = self._tail.base
        return [key - base for (key,) in self._reader.execute("SELECT id FROM outbox ORDER BY id")]


def _copy_files(source: Path, target: Path) -> None:
    """Copy a file with its write-ahead log; what is in memory stays behind."""
    for name in (FILE, f"{FILE}-wal"):
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)


def _paced(now: Instant) -> Instant:
    return replace(now, mono_ms=now.mono_ms * PACE)
