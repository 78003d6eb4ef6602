"""`storebridge quarantine`: what could not be accepted, to be looked at and replayed."""

import json
import time
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from cloud_sync.database import Database, retried
from cloud_sync.intake import quarantine
from cloud_sync.intake.quarantine import Poison, Replayed
from storebridge.commands.answers import Answering
from storebridge.commands.cloud import ConfigFile, opened_as_it_is, read_config

app = typer.Typer(
    cls=Answering, help="What could not be accepted, with its bytes.", no_args_is_help=True
)

# What `list` shows of a reason, and `show` of the bytes in readable form.
REASON_CHARACTERS_MAX = 80
STREAM_DIGITS = 32
READABLE_BYTES_MAX = 512

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Stream = Annotated[
    str, typer.Argument(help="The stream, as `list` names it; '-' for an event of a channel.")
]
First = Annotated[int, typer.Argument(help="The first seq, as `list` names it.")]


@app.command("list")
def list_entries(
    config: ConfigFile,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    replayed: Annotated[bool, typer.Option(help="Those that were replayed, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what is set aside, oldest first."""
    with opened_as_it_is(read_config(config)) as database, database.ledger(0) as connection:
        entries = quarantine.listed(connection, tenant, replayed=replayed)
    if as_json:
        typer.echo(json.dumps([_plain(each) for each in entries]))
        return
    table = Table("tenant", "store")
    table.add_column("stream", no_wrap=True, min_width=STREAM_DIGITS)  # to be typed for `show`
    for title in ("first", "count", "part", "reason"):
        table.add_column(title)
    for each in entries:
        table.add_row(
            each.tenant,
            each.store,
            each.stream.hex() or "-",
            str(each.first),
            str(each.count),
            each.part,
            _readable(each.reason.encode())[:REASON_CHARACTERS_MAX],
        )
    Console().print(table if entries else "Nothing is in quarantine.", markup=False)


@app.command("show")
def show_entry(config: ConfigFile, stream: Stream, first: First, as_json: AsJson = False) -> None:
    """Show one entry with its bytes, escaped."""
    with opened_as_it_is(read_config(config)) as database, database.ledger(0) as connection:
        entries = _found(connection, stream, first)
    for each in entries:
        plain = {**_plain(each), "payload": each.payload.hex()}
        if as_json:
            typer.echo(json.dumps(plain))
            continue
        for name, value in plain.items():
            typer.echo(f"{name}: {_readable(str(value).encode())}")
        typer.echo(f"readable: {_readable(each.payload[:READABLE_BYTES_MAX])}")


@app.command("replay")
def replay_entries(
    config: ConfigFile,
    stream: Annotated[str | None, typer.Argument(help="The stream; all when none named.")] = None,
    first: Annotated[int | None, typer.Argument(help="The first seq.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Accept what can be accepted now, under its own stream and seq; after an upgrade, say."""
    if (stream is None) != (first is None):
        raise typer.BadParameter("name a stream and the first seq, or neither to replay all")
    with opened_as_it_is(read_config(config)) as database:
        with database.ledger(0) as connection:
            if stream is None or first is None:
                entries = quarantine.listed(connection, tenant)
            else:
                entries = _found(connection, stream, first)
        done = [_replay(database, each) for each in entries]
    appended, refused = sum(d.appended for d in done), sum(d.refused for d in done)
    if as_json:
        typer.echo(json.dumps({"entries": len(done), "appended": appended, "refused": refused}))
    else:
        typer.echo(f"{len(done)} entries: {appended} events accepted, {refused} still refused.")


def _replay(database: Database, entry: Poison) -> Replayed:
    now = time.time_ns() // 1000
    return retried(lambda: database.ledger(entry.shard), lambda c: quarantine.replay(c, entry, now))


def _found(connection: psycopg.Connection, stream: str, first: int) -> list[Poison]:
    try:
        key = b"" if stream == "-" else bytes.fromhex(stream)
    except ValueError as error:
        raise typer.BadParameter(f"{stream!r} is no stream: 32 hexadecimal digits") from error
    entries = quarantine.show(connection, key, first)
    if not entries:
        raise typer.BadParameter(f"nothing is in quarantine under {stream} {first}")
    return entries


def _plain(entry: Poison) -> dict[str, object]:
    return {
        "tenant": entry.tenant,
        "store": entry.store,
        "stream": entry.stream.hex() or "-",
        "first": entry.first,
        "count": entry.count,
        "part": entry.part,
        "reason": entry.reason,
        "bytes": len(entry.payload),
        "quarantined_at": entry.quarantined_at,
        "replayed_at": entry.replayed_at,
    }


def _readable(payload: bytes) -> str:
    """Escape what is not printable, so that no byte of it can steer a terminal."""
    return payload.decode(errors="backslashreplace").encode("unicode_escape").decode()
