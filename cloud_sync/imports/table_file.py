"""A file with a table: CSV, also compressed, in whatever encoding it has, or Parquet."""

import codecs
import csv
import gzip
import hashlib
import io
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import duckdb

CHUNK_BYTES = 1 << 20
# A quotation mark that is not closed within these was never meant to be one.
QUOTED_LINES_MAX = 10
ROW_CHARACTERS_MAX = 100_000
DELIMITERS = (",", ";", "\t")
PARQUET_ROWS_PER_FETCH = 10_000
PARQUET_SUFFIXES = (".parquet", ".pq")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# GB 18030 holds GBK and GB 2312, in which spreadsheets in China write.
_ENCODINGS = ("utf-8", "gb18030")


class TableError(Exception):
    """A file holds no table that can be read; the message names it and says what to do."""


class Row(NamedTuple):
    """One row: the number of its line (of a Parquet file its own number), and its values.

    `fault` says why it has no values.
    """

    number: int
    values: Sequence[str]
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table in a file: its columns, about how many rows, and what tells its content apart."""

    file: Path
    columns: tuple[str, ...]
    rows_about: int
    digest: str
    encoding: str = ""

    def rows(self) -> Iterator[Row]:
        """Yield the rows in their order, the same each time; raises TableError."""
        if self.encoding:
            return _csv_rows(self)
        return _parquet_rows(self)


def open_table(file: Path, encoding: str = "") -> Table:
    """Look through a file once: its encoding, its columns, and a digest of its bytes.

    Raises TableError.
    """
    if file.suffix.lower() in PARQUET_SUFFIXES:
        return _open_parquet(file)
    try:
        found, lines = _encoding_of(file, encoding)
        with _text(file, found) as text:
            first = text.readline(ROW_CHARACTERS_MAX)
        columns = tuple(
            name.strip() for name in next(csv.reader([first], delimiter=_delimiter(first)), [])
        )
        digest = _digest(file)
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise _unreadable(file, error) from error
    if not any(columns):
        raise TableError(f"{file} is empty: its first line must name the columns")
    return Table(
        file=file, columns=columns, rows_about=max(lines - 1, 0), digest=digest, encoding=found
    )


def _csv_rows(table: Table) -> Iterator[Row]:
    try:
        with _text(table.file, table.encoding) as text:
            first = text.readline(ROW_CHARACTERS_MAX)
            yield from _rows(text, _delimiter(first), len(table.columns))
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(table.file, error) from error


def _rows(text: IO[str], delimiter: str, width: int) -> Iterator[Row]:
    waiting: deque[str] = deque()
    number = 1
    while True:
        taken: list[str] = []
        quotes = 0
        while not taken or quotes % 2:
            line = waiting.popleft() if waiting else text.readline(ROW_CHARACTERS_MAX)
            if not line or len(taken) == QUOTED_LINES_MAX:
                if line:
                    waiting.appendleft(line)
                break
            taken.append(line)
            quotes += line.count('"')
        if not taken:
            return
        number += 1
        if quotes % 2:
            waiting.extendleft(reversed(taken[1:]))
            yield Row(number, (), "a quotation mark is never closed")
            continue
        values = next(csv.reader(taken, delimiter=delimiter), [])
        if len(values) == width:
            yield Row(number, values)
        elif values:
            yield Row(number, (), f"has {len(values)} values, not {width}")
        number += len(taken) - 1


def _delimiter(first: str) -> str:
    return max(DELIMITERS, key=first.count)


def _text(file: Path, encoding: str) -> IO[str]:
    return io.TextIOWrapper(_bytes(file), encoding=encoding, errors="strict", newline="")


def _bytes(file: Path) -> IO[bytes]:
    with file.open("rb") as opened:
        compressed = opened.read(2) == b"\x1f\x8b"
    return gzip.open(file) if compressed else file.open("rb")  # type: ignore[return-value]


def _encoding_of(file: Path, named: str) -> tuple[str, int]:
    """Return in which encoding the whole of a file can be read, and how many lines it has."""
    with _bytes(file) as opened:
        start = opened.read(3)
    marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), "")
    wanted = (named,) if named else (marked,) if marked else _ENCODINGS
    try:
        decoders = {name: codecs.getincrementaldecoder(name)() for name in wanted}
    except LookupError as error:
        raise TableError(f"there is no encoding {named!r}; try utf-8, gbk or utf-16") from error
    lines, last = 0, b""
    with _bytes(file) as opened:
        while chunk := opened.read(CHUNK_BYTES):
            for name, decoder in list(decoders.items()):
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    del decoders[name]
            lines += chunk.count(b"\n")
            last = chunk
            if not decoders:
                raise TableError(
                    f"{file} is not written in {' or '.join(wanted)}, as bytes before about line"
                    f" {lines + 1} show; name its encoding with --encoding"
                )
    return next(iter(decoders)), lines + (not last.rstrip(b"\0").endswith(b"\n"))


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _open_parquet(file: Path) -> Table:
    try:
        digest = _digest(file)
        with duckdb.connect() as connection:
            found = connection.execute("SELECT * FROM read_parquet(?) LIMIT 0", [str(file)])
            columns = tuple(name for name, *_ in found.description or ())
            counted = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(file)])
            (rows,) = counted.fetchone() or (0,)
    except (OSError, duckdb.Error) as error:
        raise _unreadable(file, error) from error
    return Table(file=file, columns=columns, rows_about=rows, digest=digest)


def _parquet_rows(table: Table) -> Iterator[Row]:
    number = 0
    try:
        with duckdb.connect(config={"threads": 1, "memory_limit": "256MB"}) as connection:
            found = connection.execute("SELECT * FROM read_parquet(?)", [str(table.file)])
            while rows := found.fetchmany(PARQUET_ROWS_PER_FETCH):
                for values in rows:
                    number += 1
                    yield Row(number, ["" if each is None else str(each) for each in values])
    except (OSError, duckdb.Error) as error:
        raise _unreadable(table.file, error) from error


def _unreadable(file: Path, error: Exception) -> TableError:
    reason = (
        getattr(error, "strerror", None) or str(error).partition("\n")[0] or "it ends too early"
    )
    return TableError(f"{file} cannot be read: {reason}")
