"""What the commands of `storebridge identity` read, write and say."""

import csv
import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, cast

import typer

from storebridge.commands.answers import NOT_POSSIBLE, refuse

if TYPE_CHECKING:
    from cloud_sync.identity.replay import Replay

Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def say(figures: Mapping[str, object], as_json: bool) -> None:
    """Print figures as one JSON object, or one a line."""
    if as_json:
        typer.echo(json.dumps(figures, ensure_ascii=False))
        return
    for name, figure in figures.items():
        typer.echo(f"{name.replace('_', ' ')}: {figure}")


def refuse_one_file(files: Mapping[str, Path]) -> None:
    """Refuse to write over the input, or one output over another, by whatever name or link."""
    names: dict[object, str] = {}
    for name, path in files.items():
        found: set[object] = {os.path.realpath(path)}
        with suppress(OSError):
            status = path.stat()
            found.add((status.st_dev, status.st_ino))
        for known in found & names.keys():
            raise refuse(
                f"Nothing was done: {names[known]} and {name} are the same file, {path};"
                " give each a name of its own",
                NOT_POSSIBLE,
            )
        names |= dict.fromkeys(found, name)


def read_events(events: Path) -> "Replay":
    """Read a file of events, and refuse one that holds none."""
    from cloud_sync.identity.linkage.people import why_unread
    from cloud_sync.identity.replay import Replay

    replayed = Replay()
    try:
        with _opened(events) as lines:
            replayed.take(lines)
    except (OSError, EOFError, zlib.error) as error:
        raise refuse(f"{events} cannot be read: {why_unread(error)}", NOT_POSSIBLE) from None
    if replayed.rejects and not replayed.events:
        first = replayed.rejects[0]
        raise refuse(
            f"{events} holds no event: line {first.line} is none ({first.reason}), nor is another;"
            " expected is a JSON object a line",
            NOT_POSSIBLE,
        )
    return replayed


def write_lines(out: Path, rows: Iterable[Mapping[str, object]], *, mode: int = 0o666) -> None:
    """Write one JSON object a line, the file whole or not at all; `mode` says who may read it."""
    with _partial(out) as partial:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _opened(path: Path) -> IO[bytes]:
    """Open a file that may be packed with gzip."""
    file = path.open("rb")
    if file.peek(2)[:2] != b"\x1f\x8b":
        return file
    return cast("IO[bytes]", gzip.open(file))


def write_csv(out: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a file whole or not at all."""
    with _partial(out) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


@contextmanager
def _partial(out: Path) -> Iterator[Path]:
    """Yield the name to write under; what was written whole then takes its own, else it is gone."""
    partial = out.with_name(f"{out.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
