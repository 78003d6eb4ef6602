"""Erases from the store whom the cloud says to erase, and answers with a signed receipt.

The downlink brings marks, not names (see `wire/erasures.py`): each identifier that stands here is
asked for its mark. In order: what screens show goes first, then what was recorded, a slice at a
time; then the write-ahead log is emptied, so that no byte is left in the store's files; only then
the receipt is recorded. A crash in between costs doing it again, which finds less.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent import local_view
from edge_agent.clock import Instant, StoreTime
from edge_agent.database import salvage
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery import retention
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.places import Place, event_at
from wire.codec import decode_event
from wire.erasures import mark_of, sign_receipt
from wire.errors import DecodeError
from wire.identifiers import VALUE_BYTES, Identifier
from wire.views import ErasureView

SLICE_ROWS = 1_000

_identifiers = msgspec.msgpack.Decoder(tuple[Identifier, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who answers: the store, and the key that is its own."""

    tenant: str
    store: str
    key: Ed25519PrivateKey


@dataclass(slots=True)
class _Person:
    """Whom one erasure is about: what is asked of each identifier, and the visits found so far."""

    view: ErasureView
    visits: set[bytes] = field(default_factory=set)

    def is_named(self, identifiers: Sequence[Identifier]) -> bool:
        """Tell whether one of these identifiers is the person's."""
        return any(mark_of(each, self.view.salt) in self.view.marks for each in identifiers)


class Eraser:
    """Does the erasures that the local view names and this store has not done."""

    def __init__(
        self, recorder: Recorder, database: Database, clock: StoreTime, signer: Signer
    ) -> None:
        self._recorder = recorder
        self._database = database
        self._clock = clock
        self._signer = signer

    def do(self) -> int:
        """Do what is due; returns how many erasures were answered."""
        reader = self._database.reader()
        done = dict(reader.execute("SELECT erasure, wiped_at IS NOT NULL FROM erasures").fetchall())
        answered = 0
        for view in local_view.erasures(reader):
            if view.erasure not in done:
                self._delete(_Person(view))
            if not done.get(view.erasure):
                answered += self._wipe(view.erasure)
        return answered

    def _delete(self, person: _Person) -> None:
        now = self._clock.now()
        rows = self._recorder.write(lambda writing: _delete_shown(writing, person))
        rows += self._delete_recorded(person, named=True)
        if person.visits:
            # What a visit did before its shopper showed a code, and what was noted without one.
            rows += self._delete_recorded(person, named=False)
        erasure = person.view.erasure
        self._recorder.write(
            lambda writing: writing.execute(
                "INSERT OR REPLACE INTO erasures (erasure, rows, deleted_at) VALUES (?, ?, ?)",
                (erasure, rows, now.at),
            )
        )

    def _delete_recorded(self, person: _Person, *, named: bool) -> int:
        rows = 0
        for keys in _slices(self._database.reader(), person, named=named):
            rows += self._recorder.write(partial(_delete_rows, keys=keys))
        return rows

    def _wipe(self, erasure: str) -> int:
        """Empty the files of what was deleted, and answer; waits where a reader is in the way."""
        for aside in salvage.all_set_aside(self._database.path):
            aside.unlink(missing_ok=True)
        if not self._recorder.wipe():
            return 0
        now = self._clock.now()
        self._recorder.write(lambda writing: self._answer(writing, erasure, now))
        return 1

    def _answer(self, writing: Writing, erasure: str, now: Instant) -> None:
        (rows,) = writing.execute(
            "UPDATE erasures SET wiped_at = ? WHERE erasure = ? RETURNING rows", (now.at, erasure)
        ).fetchone()
        signer = self._signer
        receipt = sign_receipt(signer.tenant, signer.store, erasure, now.at, rows, signer.key)
        writing.append(event_at(Place(device="agent", zone=""), now, receipt))


def _delete_shown(writing: Writing, person: _Person) -> int:
    """Delete what screens and tills show of the person, and note their visits."""
    rows = _count(writing, "local_view", "key", _views(writing.connection, person))
    visits = writing.execute(
        "SELECT visit, identifiers, kiosk FROM visits WHERE began_at <= ?", (person.view.erased_at,)
    )
    mine = [
        (visit, kiosk)
        for visit, packed, kiosk in visits.fetchall()
        if person.is_named(_identifiers.decode(packed))
    ]
    person.visits = {visit for visit, _ in mine}
    rows += _count(writing, "visits", "visit", sorted(person.visits))
    _count(writing, "answers", "kiosk", sorted({kiosk for _, kiosk in mine}))
    claimed = _claimed(writing, sorted(person.visits))
    rows += _count(writing, "claims", "visit", sorted(person.visits))
    redeemed = writing.execute("SELECT coupon, identifiers FROM redemptions").fetchall()
    coupons = [each for each, packed in redeemed if person.is_named(_identifiers.decode(packed))]
    rows += _count(writing, "redemptions", "coupon", coupons)
    _count(writing, "claims", "coupon", coupons)
    # A code is the shopper's alone; it may wait at a till that was left in the middle of a sale.
    rows += _count(writing, "basket_coupons", "coupon", sorted({*claimed, *coupons}))
    subjects = writing.execute("SELECT DISTINCT subject FROM marks").fetchall()
    marked = [each for (each,) in subjects if _is_subject(each, person)]
    rows += _count(writing, "marks", "subject", marked)
    orders = writing.execute('SELECT "order", identifiers FROM orders').fetchall()
    # What was paid is kept for returns for its time; from now on it is nobody's.
    for order, packed in orders:
        if person.is_named(_identifiers.decode(packed)):
            nobody = msgspec.msgpack.encode(())
            writing.execute('UPDATE orders SET identifiers = ? WHERE "order" = ?', (nobody, order))
            rows += 1
    return rows + _delete_damaged(writing, person)


def _claimed(writing: Writing, visits: Sequence[bytes]) -> list[str]:
    """Return the coupons that were claimed in these visits."""
    sql = "SELECT coupon FROM claims WHERE visit = ?"
    return [coupon for visit in visits for (coupon,) in writing.execute(sql, (visit,)).fetchall()]


def _views(connection: sqlite3.Connection, person: _Person) -> list[str]:
    keys = connection.execute("SELECT key FROM local_view WHERE view = 'shopper'").fetchall()
    return [key for (key,) in keys if person.is_named(_named(key))]


def _is_subject(subject: str, person: _Person) -> bool:
    kind, _, digits = subject.partition(":")
    if kind == "visit":
        return bytes.fromhex(digits) in person.visits
    return person.is_named(_named(subject))


def _named(key: str) -> list[Identifier]:
    """Return the identifier that a key of the downlink names, none for another key."""
    kind, _, digits = key.partition(":")
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        return []
    return [Identifier(kind=kind, value=value)] if len(value) == VALUE_BYTES else []


def _delete_damaged(writing: Writing, person: _Person) -> int:
    """Delete the rows set aside as damaged of which nobody can say that they are not the person's.

    They were declared absent when they were set aside.
    """
    rows = writing.execute("SELECT id, row FROM damaged").fetchall()
    mine = []
    for key, row in rows:
        try:
            event = decode_event(row)
        except DecodeError:
            mine.append(key)
            continue
        if person.is_named(event.identifiers):
            mine.append(key)
    return _count(writing, "damaged", "id", mine)


def _slices(connection: sqlite3.Connection, person: _Person, *, named: bool) -> Iterator[list[int]]:
    """Yield the keys of outbox rows of the person, some at a time: by name, or by their visits."""
    last = 0
    while rows := connection.execute(
        "SELECT id, row FROM outbox WHERE id > ? ORDER BY id LIMIT ?", (last, SLICE_ROWS)
    ).fetchall():
        last = rows[-1][0]
        keys = [key for key, row in rows if _is_mine(row, person, named=named)]
        if keys:
            yield keys


def _is_mine(row: bytes, person: _Person, *, named: bool) -> bool:
    try:
        event = decode_event(row)
    except DecodeError:
        return False  # a kind of a later version, or damage: the latter is found when it is sent
    if event.occurred_at > person.view.erased_at:
        return False
    if not named:
        return event.visit in person.visits and not event.identifiers
    if not person.is_named(event.identifiers):
        return False
    if event.visit:
        person.visits.add(event.visit)
    return True


def _delete_rows(writing: Writing, keys: Sequence[int]) -> int:
    before = writing.tail
    writing.tail = retention.erase(writing.connection, before, keys)
    return before.kept_rows - writing.tail.kept_rows


def _count(writing: Writing, table: str, column: str, values: Sequence[object]) -> int:
    """Delete the rows of a table with these values in a column; returns how many went."""
    gone = 0
    for value in values:
        gone += writing.execute(f'DELETE FROM {table} WHERE "{column}" = ?', (value,)).rowcount  # noqa: S608 (constants of this file)
    return gone
