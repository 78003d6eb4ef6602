"""`storebridge shopper forget|export|erasures|wipe`: what a shopper may ask for."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storebridge.commands.answers import NOT_POSSIBLE, refuse
from storebridge.commands.cloud import ConfigFile, Tenant, opened_as_it_is, read_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sync.config import CloudConfig
    from cloud_sync.database import Database
    from wire.identifiers import Identifier

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, of an error, too.")]
Shopper = Annotated[
    str | None, typer.Argument(help="A shopper ID, as the API and the console show it.")
]
Kind = Annotated[str | None, typer.Option(help="Instead of the ID: the kind of an identifier.")]
Value = Annotated[str | None, typer.Option(help="Its plain value; '-' reads it from the input.")]


def plug_into(app: typer.Typer) -> None:
    """Add the commands to the group of those about shoppers."""
    app.command("forget")(forget)
    app.command("export")(export_shopper)
    app.command("erasures")(erasures)
    app.command("wipe")(wipe)


def forget(
    config: ConfigFile,
    tenant: Tenant,
    shopper: Shopper = None,
    kind: Kind = None,
    value: Value = None,
    as_json: AsJson = False,
) -> None:
    """Erase a shopper, in the cloud at once and in every store when it is next online.

    `erasures` shows which stores have answered; `wipe` overwrites the freed bytes on disk.
    """
    from cloud_sync.privacy import scrub
    from cloud_sync.privacy.erasing import erase
    from cloud_sync.privacy.kept_apart import KeptApart

    checked = read_config(config)
    with opened_as_it_is(checked) as database:
        identifiers = _whom(checked, database, tenant, shopper, kind, value)
        apart = KeptApart(checked.erasures_file)
        done = erase(database, apart, tenant, identifiers, _now(), asked_by="command line")
        with _progress("searching the ledger", shown=not as_json) as told:
            events = scrub.finish(database, told)
    if as_json:
        typer.echo(json.dumps({**asdict(done), "events": events}))
        return
    typer.echo(
        f"Erased ({done.erasure}): {done.rows} rows deleted, {events} events made blank. Stores"
        f" answer when they are online: storebridge shopper erasures {config} --tenant {tenant}"
    )


def export_shopper(
    config: ConfigFile,
    tenant: Tenant,
    shopper: Shopper = None,
    kind: Kind = None,
    value: Value = None,
    out: Annotated[
        Path | None, typer.Option(help="Write it to a file that is yours alone.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell everything that is known of a shopper, as JSON."""
    from cloud_sync.privacy.export import export

    checked = read_config(config)
    with opened_as_it_is(checked) as database:
        identifiers = _whom(checked, database, tenant, shopper, kind, value)
        secret = checked.identifier_keys.get(tenant)
        if secret is None:
            raise refuse(
                f"{tenant}: its identifier key is not in the configuration;"
                f" set tenants.{tenant}.identifier_key",
                NOT_POSSIBLE,
            )
        found = export(database, tenant, identifiers, _now(), secret)
        told = json.dumps(found, ensure_ascii=False, indent=2)
    if out is None:
        typer.echo(told)
        return
    try:
        out.touch(mode=0o600)
        out.write_text(told + "\n", encoding="utf-8")
    except OSError as error:
        raise refuse(f"{out} cannot be written: {error.strerror}; name another file") from error
    typer.echo(json.dumps({"written": str(out)}) if as_json else f"Written to {out}.", err=True)


def erasures(
    config: ConfigFile,
    tenant: Tenant,
    unanswered: Annotated[
        bool, typer.Option("--unanswered", help="Only those that a store has not answered.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List erasures, and which stores have answered, each with its signed receipt."""
    from rich.console import Console
    from rich.table import Table

    from cloud_sync.privacy.receipts import listed

    with opened_as_it_is(read_config(config)) as database, database.shopper(tenant) as connection:
        found = listed(connection, tenant, unanswered=unanswered)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], default=bytes.hex))
        return
    table = Table("erasure", "since", "asked by", "rows", "searched", "wiped", "stores", "missing")
    for one in found:
        missing = [each.store for each in one.receipts if each.verdict != "signed"]
        table.add_row(
            one.erasure,
            _day(one.erased_at),
            one.asked_by,
            str(one.rows),
            "yes" if one.finished_at else "no",
            "yes" if one.wiped_at else "no",
            f"{len(one.receipts) - len(missing)} of {len(one.receipts)}",
            ", ".join(missing[:5]) + (" …" if len(missing) > 5 else ""),
        )
    Console().print(table if found else "Nobody was erased.", markup=False)


def wipe(
    config: ConfigFile,
    bytes_max: Annotated[
        int | None, typer.Option(help="Leave tables that are larger (B).", min=0)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Overwrite what finished erasures left on the database's disk; best at night.

    Each table concerned is locked while it is written anew. Says what was left, and ends with 1.
    """
    from cloud_sync.privacy import wiping

    with (
        opened_as_it_is(read_config(config)) as database,
        _progress("writing tables anew", shown=not as_json) as told,
    ):
        limit = wiping.BYTES_MAX if bytes_max is None else bytes_max
        wiped = wiping.wipe(database.dsn, bytes_max=limit, told=told)
    if as_json:
        typer.echo(json.dumps({"tables": wiped.tables, "left": dict(wiped.left)}))
    else:
        typer.echo(f"{len(wiped.tables)} tables written anew.")
        for table, reason in wiped.left:
            typer.echo(f"{table} was left: {reason}", err=True)
    if not wiped.whole:
        raise typer.Exit(1)


def _whom(
    config: "CloudConfig",
    database: "Database",
    tenant: str,
    shopper: str | None,
    kind: str | None,
    value: str | None,
) -> "list[Identifier]":
    """Return the identifiers that a command is about, or say what is wrong and exit."""
    from cloud_sync.privacy.erasing import NobodyError, identifiers_of
    from wire.identifiers import IdentifierError, key_identifier

    if (shopper is None) == (kind is None) or (kind is None) != (value is None):
        raise refuse("name a shopper ID, or an identifier by --kind and --value", NOT_POSSIBLE)
    if kind is not None and value is not None:
        key = config.identifier_keys.get(tenant)
        if key is None:
            raise refuse(
                f"{tenant}: its identifier key is not in the configuration;"
                f" set tenants.{tenant}.identifier_key",
                NOT_POSSIBLE,
            )
        try:
            plain = sys.stdin.readline().strip() if value == "-" else value
            return [key_identifier(kind, plain, key=key)]
        except IdentifierError as error:
            raise refuse(str(error), NOT_POSSIBLE) from error
    text = (shopper or "").replace("-", "").lower()
    if len(text) != 32 or set(text) - set("0123456789abcdef"):
        raise refuse(f"{shopper}: no shopper ID, which has 32 hex digits", NOT_POSSIBLE)
    try:
        with database.shopper(tenant) as connection:
            return identifiers_of(connection, tenant, text)
    except NobodyError as error:
        raise refuse(str(error)) from error


@contextmanager
def _progress(what: str, *, shown: bool) -> "Iterator[Callable[[str], None]]":
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task(what)
        yield lambda step: bar.update(task, description=f"{what}: {step}")


def _now() -> int:
    return time.time_ns() // 1000


def _day(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at // 1_000_000))
