"""The list of erasures, kept apart from the database: what a restored backup does not know.

A backup holds whom it held when it was made. Before a database serves anybody it is compared with
this list, and whoever is missing from its erasures is erased again. The list names nobody: it holds
the marks (see `wire/erasures.py`). It belongs where backups of the database do not, and copies of
it anywhere: it is needed as long as there are backups.
"""

import os
from pathlib import Path

import msgspec


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One erasure of the list; bytes as hexadecimal."""

    tenant: str
    erasure: str
    erased_at: int
    asked_by: str
    salt: str
    marks: tuple[str, ...]


class KeptApartError(Exception):
    """The list cannot be read or written; nothing is erased, and nobody served, without it."""


_decoder = msgspec.json.Decoder(Kept)


class KeptApart:
    """A file of one line an erasure, only ever added to.

    Guarantees: a line is on disk when `add` returns; a line cut short by a power cut is passed
    over, since its erasure had not begun.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, kept: Kept) -> None:
        """Add an erasure, before it is begun; raises KeptApartError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(b"\n" + msgspec.json.encode(kept) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise KeptApartError(
                f"the list of erasures {self.path} cannot be written: {error.strerror}; give the"
                " cloud's account the right to, or name another file in erasures_file"
            ) from error

    def all(self) -> list[Kept]:
        """Return the erasures, in their order; of one that was added twice the last line."""
        try:
            lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        except OSError as error:
            raise KeptApartError(
                f"the list of erasures {self.path} cannot be read: {error.strerror}; without it"
                " nobody can tell who must not come back"
            ) from error
        found: dict[tuple[str, str], Kept] = {}
        for line in filter(None, lines):
            try:
                kept = _decoder.decode(line)
            except msgspec.DecodeError:
                continue
            found[kept.tenant, kept.erasure] = kept
        return list(found.values())
