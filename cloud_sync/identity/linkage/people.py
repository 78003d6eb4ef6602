"""A file of persons, read once: its columns by role, and what could not be read of it."""

import csv
import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cloud_sync.identity.linkage.columns import ID_COLUMN, Role, roles_of
from cloud_sync.identity.linkage.rows import Rows

# A single field may be this long.
FIELD_BYTES_MAX = 1 << 20
# Whole files are read into memory; a larger one is to be cut by region or year first.
RECORDS_MAX = 2_000_000
# Of bad lines so many are named; all are counted.
LINES_NAMED_MAX = 10
# Of a first line without the column that is needed, so much is shown.
NAMES_SHOWN_CHARACTERS_MAX = 300
# This name reads what is piped in.
STDIN = Path("-")
GZIP_MAGIC = b"\x1f\x8b"


class PeopleError(ValueError):
    """A file of persons cannot be linked; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Records of persons: their ids, and the columns that say who somebody is.

    `columns` holds, by name, the role of a column and its value in each record.
    """

    ids: Sequence[str]
    columns: Mapping[str, tuple[Role, Sequence[str]]]
    ignored: Sequence[str] = ()
    problems: Mapping[str, int] = field(default_factory=dict)

    def of_role(self, role: Role) -> dict[str, Sequence[str]]:
        """Return the columns of a role."""
        return {name: values for name, (of, values) in self.columns.items() if of == role}

    def of_records(self, places: Sequence[int]) -> "People":
        """Return the records at some places, in that order."""
        columns = {
            name: (role, [values[at] for at in places])
            for name, (role, values) in self.columns.items()
        }
        return replace(self, ids=[self.ids[at] for at in places], columns=columns)

    def together(self, role: Role) -> list[tuple[str, ...]]:
        """Return for each record what the columns of a role say, one behind the other."""
        found = [values for of, values in self.columns.values() if of == role]
        return list(zip(*found, strict=True)) if found else [() for _ in self.ids]


def read_people(path: Path) -> People:
    """Read a CSV file of persons, plain or packed with gzip.

    Raises PeopleError when it cannot be read, has no column `unique_id`, or none that says who
    somebody is. A record without an id, or with one that came before, is counted as a problem and
    left out; short lines have empty values.
    """
    problems: Counter[str] = Counter()
    rows = _rows(_text(path, problems), problems)
    header = next(rows, None)
    if header is None:
        raise PeopleError(f"{path} is empty: a first line with the names of columns is needed")
    names = [name.strip() for name in header]
    _need(ID_COLUMN, names, path)
    roles = roles_of(names)
    if not roles:
        raise PeopleError(f"{path} has no column that says who somebody is, such as full_name")
    records = _records(rows, names, problems)
    columns = {
        name: (role, [row[names.index(name)] for row in records.values()])
        for name, role in roles.items()
    }
    return People(
        ids=list(records),
        columns=columns,
        ignored=[name for name in names if name not in roles and name != ID_COLUMN],
        problems=dict(problems),
    )


def read_column(path: Path, column: str) -> dict[str, str]:
    """Return one column of a CSV file by the ids of its records.

    Raises PeopleError when the file cannot be read or has no such column.
    """
    problems: Counter[str] = Counter()
    rows = _rows(_text(path, problems), problems)
    names = [name.strip() for name in next(rows, [])]
    for needed in (ID_COLUMN, column):
        _need(needed, names, path)
    at = names.index(column)
    records = _records(rows, names, problems)
    return {unique_id: row[at] for unique_id, row in records.items()}


def why_unread(error: Exception) -> str:
    """Return in words why a file that may be packed with gzip cannot be read."""
    told = error.strerror if isinstance(error, OSError) else None
    return told or "what gzip packed in it is damaged or cut off"


def _need(column: str, names: Sequence[str], path: Path) -> None:
    """Raise PeopleError where a first line has no such column, showing nothing that is no text."""
    if column in names:
        return
    said = ", ".join(names) or "nothing"
    if not said.isprintable():
        raise PeopleError(f"{path} is no CSV file: its first line is no text")
    short = (
        said if len(said) <= NAMES_SHOWN_CHARACTERS_MAX else f"{said[:NAMES_SHOWN_CHARACTERS_MAX]}…"
    )
    raise PeopleError(f"{path} has no column {column!r}; it has: {short}")


def _records(
    rows: Iterator[list[str]], names: Sequence[str], problems: Counter[str]
) -> dict[str, list[str]]:
    at = names.index(ID_COLUMN)
    records: dict[str, list[str]] = {}
    for line in rows:
        if not any(line):
            continue
        if len(line) != len(names):
            problems["lines with too few or too many values"] += 1
        row = (line + [""] * len(names))[: len(names)]
        unique_id = row[at].strip()
        if not unique_id:
            problems["records without an id, left out"] += 1
        elif unique_id in records:
            problems["records whose id came before, left out"] += 1
        elif len(records) == RECORDS_MAX:
            raise PeopleError(f"more than {RECORDS_MAX} records: cut the file by region or year")
        else:
            records[unique_id] = row
    return records


def _rows(text: str, problems: Counter[str]) -> Iterator[list[str]]:
    csv.field_size_limit(FIELD_BYTES_MAX)
    rows = Rows(text)
    try:
        yield from rows
    except csv.Error as error:
        raise PeopleError(f"this is no CSV file: {error}") from None
    if rows.unclosed:
        named = ", ".join(map(str, rows.unclosed[:LINES_NAMED_MAX]))
        more = ", …" if len(rows.unclosed) > LINES_NAMED_MAX else ""
        problems[f"lines with a broken quotation mark, read without any: {named}{more}"] = len(
            rows.unclosed
        )


def _text(path: Path, problems: Counter[str]) -> str:
    try:
        content = sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
        if content.startswith(GZIP_MAGIC):
            content = gzip.decompress(content)
    except FileNotFoundError:
        raise PeopleError(f"there is no file {path}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise PeopleError(f"{path} cannot be read: {why_unread(error)}") from None
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding).replace("\x00", "")
    except UnicodeDecodeError:
        problems["the file is not UTF-8 and was read as Windows-1252"] += 1
        return content.decode("cp1252", "replace").replace("\x00", "")
