"""An import: reads a table batch by batch, and goes on where it stopped when it is begun again.

What a batch brought and how far it went are one transaction, so that a program that is killed loses
and doubles nothing. The same file is known by its digest; what was imported under another file is
known by the ids of its events.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg import Connection

from cloud_sync.database import Database, arrays, retried
from cloud_sync.imports.kinds import Item, Kind, PersonRow, RowError, Setting, StockRow, Values
from cloud_sync.imports.table_file import Row, Table
from cloud_sync.intake import ledger
from cloud_sync.intake.ledger import HttpAppended
from cloud_sync.privacy.watch import Watch
from cloud_sync.review import records
from wire.topics import shard_of

BATCH_ROWS = 1_000
# An order of more lines is no order.
GROUP_ROWS_MAX = 500
BESIDE = "follows a broken line, which may belong to it"


class NotImportedError(Exception):
    """An import cannot begin or go on; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an import is: rows read, of them rejected; items that were new, and repeated ones.

    `rejects_bytes` is how long the file of rejects was when that was so.
    """

    rows: int = 0
    accepted: int = 0
    repeated: int = 0
    rejected: int = 0
    rejects_bytes: int = 0
    finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that was not imported: the number of its line, and why."""

    line: int
    reason: str


def columns_of(table: Table, kind: Kind) -> dict[str, int]:
    """Return where our columns stand in a table.

    Raises NotImportedError that names all that are missing at once, and what the table has.
    """
    places: dict[str, int] = {}
    for place, column in enumerate(table.columns):
        plain = column.strip().lower().replace(" ", "_").replace("-", "_")
        names = (name for name, others in kind.columns.items() if plain in (name, *others))
        for name in names:
            places.setdefault(name, place)
            break
    missing = [" or ".join(sorted(each)) for each in kind.needed if not each & places.keys()]
    if missing:
        raise NotImportedError(
            f"{table.file} lacks the columns: {'; '.join(missing)}. It has: "
            f"{', '.join(table.columns)}. Known for {kind.name}: {', '.join(kind.columns)}"
        )
    return places


class Import:
    """One file on its way in.

    Guarantees: `run` commits batch by batch; begun again for the same file it goes on after the
    last batch that was committed, and what it has finished it does not do again.
    """

    def __init__(
        self,
        database: Database,
        tenant: str,
        kind: Kind,
        table: Table,
        setting: Setting,
        rejects_file: Path | None = None,
    ) -> None:
        """Prepare an import; its rejects are written beside the table unless a file is named.

        Raises NotImportedError where the table lacks columns.
        """
        self._database = database
        self._tenant = tenant
        self._kind = kind
        self._table = table
        self._setting = setting
        self._places = columns_of(table, kind)
        beside = table.file.with_name(f"{table.file.name}.rejects.csv")
        self.rejects_file = beside if rejects_file is None else rejects_file

    @property
    def unused(self) -> list[str]:
        """Return the columns that say nothing here."""
        used = set(self._places.values())
        return [name for place, name in enumerate(self._table.columns) if place not in used]

    def run(self, told: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Import what is not imported yet, and return what came of the whole file.

        `told` is called after each batch. Raises NotImportedError where another import of the same
        file runs, TableError where the file cannot be read on.
        """
        progress = self._begun()
        told(progress)
        if progress.finished:
            return progress
        rejects = _Rejects(self.rejects_file, progress.rejects_bytes)
        rejects.begin()
        for rows, batch in self._batches(progress.rows):
            items, wrong = self._read(batch)
            length = rejects.write(wrong)
            reached = replace(
                progress,
                rows=rows,
                rejected=progress.rejected + len(wrong),
                rejects_bytes=length,
            )
            progress = self._commit(progress, reached, items)
            told(progress)
        return self._commit(progress, replace(progress, finished=True), [])

    def _batches(self, done: int) -> Iterator[tuple[int, list[list[Row]]]]:
        """Yield groups of rows, some at once, with how many rows were read by then."""
        batch: list[list[Row]] = []
        rows = size = 0
        for group in _groups(self._table.rows(), self._places.get(self._kind.group)):
            rows += len(group)
            if rows <= done:
                continue
            batch.append(group)
            size += len(group)
            if size >= BATCH_ROWS:
                yield rows, batch
                batch, size = [], 0
        if batch:
            yield rows, batch

    def _read(self, batch: Sequence[Sequence[Row]]) -> tuple[list[Item], list[Reject]]:
        items: list[Item] = []
        rejects: list[Reject] = []
        for group in batch:
            if len(group) > GROUP_ROWS_MAX or any(row.fault for row in group):
                said = f"belongs to a broken line, or to more than {GROUP_ROWS_MAX} lines"
                rejects += [Reject(line=row.number, reason=row.fault or said) for row in group]
                continue
            try:
                items.append(self._kind.read([self._values(row) for row in group], self._setting))
            except RowError as error:
                rejects += [Reject(line=row.number, reason=str(error)) for row in group]
        return items, rejects

    def _values(self, row: Row) -> Values:
        values = dict.fromkeys(self._kind.columns, "")
        values |= {name: row.values[place].strip() for name, place in self._places.items()}
        return values

    def _key(self) -> dict[str, str]:
        how = f"{self._setting.source}/{self._setting.proven}"
        return {
            "tenant": self._tenant,
            "kind": self._kind.name,
            "file": self._table.digest,
            "how": how,
        }

    def _begun(self) -> Progress:
        with self._database.shopper(self._tenant) as connection:
            connection.execute(
                "INSERT INTO import_run (tenant, kind, file, how)"
                " VALUES (%(tenant)s, %(kind)s, %(file)s, %(how)s) ON CONFLICT DO NOTHING",
                self._key(),
            )
            row = connection.execute(
                "SELECT rows, accepted, repeated, rejected, rejects_bytes, finished_at IS NOT NULL"
                " FROM import_run WHERE tenant = %(tenant)s AND kind = %(kind)s"
                " AND file = %(file)s AND how = %(how)s",
                self._key(),
            ).fetchone()
        if row is None:
            raise NotImportedError("its state is gone from the database; begin it again")
        rows, accepted, repeated, rejected, rejects_bytes, finished = row
        return Progress(
            rows=rows,
            accepted=accepted,
            repeated=repeated,
            rejected=rejected,
            rejects_bytes=rejects_bytes,
            finished=finished,
        )

    def _commit(self, before: Progress, reached: Progress, items: Sequence[Item]) -> Progress:
        shard = shard_of(self._tenant, f"web-{self._setting.source}")

        def work(connection: Connection) -> Progress:
            self._move(connection, before, reached)
            done = _store(connection, self._tenant, self._setting, items)
            now = replace(
                reached,
                accepted=reached.accepted + done.accepted,
                repeated=reached.repeated + done.repeated,
            )
            connection.execute(
                "UPDATE import_run SET accepted = %(accepted)s, repeated = %(repeated)s"
                " WHERE tenant = %(tenant)s AND kind = %(kind)s AND file = %(file)s"
                " AND how = %(how)s",
                {**self._key(), "accepted": now.accepted, "repeated": now.repeated},
            )
            return now

        return retried(lambda: self._database.ledger(shard), work)

    def _move(self, connection: Connection, before: Progress, reached: Progress) -> None:
        """Note how far the import is; only the one that got as far as `before` may go on."""
        moved = connection.execute(
            "UPDATE import_run SET rows = %(rows)s, rejected = %(rejected)s,"
            " rejects_bytes = %(rejects_bytes)s,"
            " finished_at = CASE WHEN %(finished)s THEN now() END"
            " WHERE tenant = %(tenant)s AND kind = %(kind)s AND file = %(file)s AND how = %(how)s"
            " AND rows = %(before)s AND finished_at IS NULL",
            {
                **self._key(),
                "rows": reached.rows,
                "rejected": reached.rejected,
                "rejects_bytes": reached.rejects_bytes,
                "finished": reached.finished,
                "before": before.rows,
            },
        ).rowcount
        if moved != 1:
            raise NotImportedError("another import of the same file is running; wait for its end")


class _Rejects:
    """The file of rejects beside a table: grows with each batch, and forgets what did not count."""

    HEAD = b"line,reason\n"

    def __init__(self, file: Path, length: int) -> None:
        self._file = file
        self._length = length

    def begin(self) -> None:
        """Forget the rejects of another file, or of an import that was begun anew."""
        if not self._length:
            self._file.unlink(missing_ok=True)

    def write(self, rejects: Sequence[Reject]) -> int:
        """Append rejects, on disk when this returns; returns how long the file is then."""
        if not rejects:
            return self._length
        with self._file.open("r+b" if self._file.exists() else "wb") as opened:
            opened.truncate(self._length)
            opened.seek(self._length)
            if not self._length:
                opened.write(self.HEAD)
            for each in rejects:
                quoted = each.reason.replace('"', '""')
                opened.write(f'{each.line},"{quoted}"\n'.encode())
            opened.flush()
            os.fsync(opened.fileno())
            self._length = opened.tell()
        return self._length


def _groups(rows: Iterator[Row], place: int | None) -> Iterator[list[Row]]:
    """Yield rows that follow each other with the same value in a column, else each by itself.

    Nobody knows to which of its neighbours a broken row belongs: it is put to the one before it,
    and the one after it is marked as well.
    """
    if place is None:
        yield from ([row] for row in rows)
        return
    group: list[Row] = []
    value = None
    broken = False
    for row in rows:
        if row.fault:
            broken = True
        elif value is None or row.values[place] != value:
            if group and value is not None:
                yield group
                group = []
            value = row.values[place]
            row = row._replace(fault=BESIDE) if broken else row  # noqa: PLW2901
            broken = False
        group.append(row)
    if group:
        yield group


def _store(
    connection: Connection, tenant: str, setting: Setting, items: Sequence[Item]
) -> HttpAppended:
    persons = [each for each in items if isinstance(each, PersonRow)]
    counts = [each for each in items if isinstance(each, StockRow)]
    if counts:
        return _count(connection, tenant, counts)
    if not persons:
        return HttpAppended(accepted=0, repeated=0)
    source = setting.source
    events = [each.event for each in persons]
    done = ledger.append_http(connection, tenant, source, "import", events, live=False)
    consents = [one for each in persons for one in each.consents]
    for at in range(0, len(consents), BATCH_ROWS):
        part = consents[at : at + BATCH_ROWS]
        ledger.append_http(connection, tenant, source, "import", part, live=False)
    _keep(connection, tenant, setting, persons)
    return done


def _keep(
    connection: Connection, tenant: str, setting: Setting, persons: Sequence[PersonRow]
) -> None:
    """Keep what persons are compared by, but of nobody who was erased since."""
    shard = shard_of(tenant, f"web-{setting.source}")
    # Whoever erases waits for this lock after their marks are committed, and deletes then.
    connection.execute("SELECT FROM shard_fold WHERE shard = %s FOR SHARE", (shard,))
    watch = Watch()
    watch.ask(connection)()
    kept = [
        each.record
        for each in persons
        if each.record is not None and not watch.knows(tenant, each.event.event)
    ]
    records.keep(connection, tenant, setting.key, kept, setting.now)


def _count(connection: Connection, tenant: str, counts: Sequence[StockRow]) -> HttpAppended:
    """Store counts of stock, the latest of each product and store."""
    latest: dict[tuple[str, str], StockRow] = {}
    for each in sorted(counts, key=lambda each: each.counted_at):
        latest[each.store, each.product] = each
    ordered = [latest[key] for key in sorted(latest)]
    stored = connection.execute(
        "INSERT INTO stock_level AS held (tenant, store, product, quantity, counted_at)"
        " SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])"
        " ON CONFLICT (tenant, store, product) DO UPDATE SET quantity = excluded.quantity,"
        " counted_at = excluded.counted_at WHERE held.counted_at < excluded.counted_at",
        (
            tenant,
            arrays.plain(each.store or '""' for each in ordered),
            arrays.plain(each.product for each in ordered),
            arrays.numbers(each.quantity for each in ordered),
            arrays.numbers(each.counted_at for each in ordered),
        ),
    ).rowcount
    return HttpAppended(accepted=stored, repeated=len(counts) - stored)
