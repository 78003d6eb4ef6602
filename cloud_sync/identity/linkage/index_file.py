"""An index of persons as a file: JSON Lines, the same bytes for the same records.

The first line says what the batch learned, with the number and the checksum of the records of the
batch; each further line is a record. What is accepted later is a line more. The file holds what the
records say, as the file it was made of does, so only its owner may read it.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from cloud_sync.identity.linkage.columns import ROLES, Role
from cloud_sync.identity.linkage.model import Model
from cloud_sync.identity.linkage.online import Chances, Index, Learned
from cloud_sync.identity.linkage.people import People, PeopleError

FORMAT, VERSION = "storebridge-people-index", 1
PRIVATE = 0o600
AGAIN = "build it again with `storebridge identity index`"


def save(index: Index, path: Path) -> None:
    """Write an index, the file whole or not at all."""
    lines = [_line(index, at) for at in range(len(index.ids))]
    first = index.learned_of
    learned = index.learned
    header = {
        "format": FORMAT,
        "version": VERSION,
        "columns": dict(learned.columns),
        "prior_bits": learned.model.prior_bits,
        "weights": [each.tolist() for each in learned.model.weights],
        "threshold": learned.threshold,
        "reaches": list(learned.reaches),
        "records": first,
        "sha256": _checksum(lines[:first]),
    }
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(header, ensure_ascii=False) + "\n")
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def append(index: Index, path: Path) -> None:
    """Write the newest record of an index behind the others, and wait until it is on disk.

    A line that was not written to its end, as when the machine stopped, is cut off before. Raises
    PeopleError where another program has added to the file since it was loaded.
    """
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        content = file.read()
        whole = content.rfind(b"\n") + 1
        # The first line is no record, and the newest record is not there yet.
        if content.count(b"\n") != len(index.ids):
            raise PeopleError(f"another program has added to {path}: load it again")
        file.seek(whole)
        file.truncate()
        file.write(_line(index, len(index.ids) - 1).encode())
        file.flush()
        os.fsync(file.fileno())


def load(path: Path) -> Index:
    """Read an index, without a last line that was not written to its end.

    Raises PeopleError where the file cannot be read, is none, or is damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PeopleError(f"there is no file {path}") from None
    except OSError as error:
        raise PeopleError(f"{path} cannot be read: {error.strerror}") from None
    whole = content.rpartition(b"\n")[0]
    try:
        lines = whole.decode().split("\n")
        header = json.loads(lines[0])
        if header["format"] != FORMAT:
            raise KeyError("format")
    except (ValueError, KeyError, TypeError):
        raise PeopleError(f"{path} is no index of persons; {AGAIN}") from None
    if header["version"] != VERSION:
        raise PeopleError(f"{path} has version {header['version']}, not {VERSION}; {AGAIN}")
    first = header["records"]
    if _checksum([f"{line}\n" for line in lines[1 : 1 + first]]) != header["sha256"]:
        raise PeopleError(f"{path} is damaged: its records are not those it was built of; {AGAIN}")
    return _index(header, lines[1:], path)


def _index(header: Mapping[str, object], lines: Sequence[str], path: Path) -> Index:
    columns = cast("dict[str, Role]", header["columns"])
    if not set(columns.values()) <= set(ROLES):
        raise PeopleError(f"{path} has columns of unknown meaning; {AGAIN}")
    weights = cast("list[list[float]]", header["weights"])
    learned = Learned(
        columns=columns,
        model=Model(
            prior_bits=cast("float", header["prior_bits"]),
            weights=[np.array(each, float) for each in weights],
        ),
        threshold=cast("float", header["threshold"]),
        reaches=cast("list[int]", header["reaches"]),
    )
    first = cast("int", header["records"])
    try:
        batch = _records(lines[:first], columns)
        later = _records(lines[first:], columns)
    except (ValueError, TypeError, KeyError):
        raise PeopleError(f"{path} is damaged: a record cannot be read; {AGAIN}") from None
    index = Index(*batch, learned)
    if [len(each) for each in weights] != index.level_counts:
        raise PeopleError(f"{path} was built by another version of the comparisons; {AGAIN}")
    if later[0].ids:
        index.extend(*later)
    return index


def _records(
    lines: Sequence[str], columns: Mapping[str, Role]
) -> tuple[People, list[str], list[Chances]]:
    rows = list(_rows(lines, len(columns)))
    people = People(
        ids=[record for record, _, _, _ in rows],
        columns={
            name: (role, [values[at] for _, _, values, _ in rows])
            for at, (name, role) in enumerate(columns.items())
        },
    )
    return people, [row[1] for row in rows], [row[3] for row in rows]


def _rows(
    lines: Sequence[str], width: int
) -> Iterator[tuple[str, str, Sequence[str], dict[int, float]]]:
    for line in lines:
        record, group, values, places, chances = json.loads(line)
        if len(values) != width:
            raise ValueError("a record has too few or too many values")
        yield record, group, values, dict(zip(places, chances, strict=True))


def _line(index: Index, at: int) -> str:
    values = [of[at] for _, of in index.people.columns.values()]
    near = index.near[at]
    row = [index.ids[at], index.groups[at], values, list(near), list(near.values())]
    return json.dumps(row, ensure_ascii=False) + "\n"


def _checksum(lines: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode())
    return digest.hexdigest()
