"""`storebridge traits`: what is computed of shoppers, what a tenant adds, and what brands own."""

import csv
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from storebridge.commands.answers import Answering, AsJson, refuse
from storebridge.commands.cloud import ConfigFile, Tenant, opened, opened_as_it_is, read_config
from storebridge.commands.funnel import EPOCH, day_of

if TYPE_CHECKING:
    from cloud_sync.shoppers.profiles.own_traits import OwnTrait

app = typer.Typer(
    cls=Answering, help="Traits of shoppers, and those a tenant defines.", no_args_is_help=True
)


@app.callback()
def main() -> None:
    """Say what is computed of shoppers."""


@app.command("list")
def list_traits(config: ConfigFile, tenant: Tenant, as_json: AsJson = False) -> None:
    """List all traits: those of this version, and the tenant's own."""
    from cloud_sync.shoppers.profiles.traits import TRAITS, rule_of

    own = _own(config, tenant)
    rows = [
        {"trait": each.trait, "unit": each.unit, "days": each.days, "source": each.source}
        for each in (*TRAITS, *map(rule_of, own))
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("trait", "unit", "days", "source")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table, markup=False)


@app.command()
def define(
    config: ConfigFile,
    tenant: Tenant,
    file: Annotated[Path, typer.Argument(help="TOML with a [[trait]] for each.")],
    as_json: AsJson = False,
) -> None:
    """Set the tenant's own traits; all history counts for them at once."""
    from cloud_sync.shoppers.profiles.own_traits import TraitError, read_own_traits, set_own_traits
    from cloud_sync.shoppers.profiles.traits import TRAITS

    try:
        wanted = read_own_traits(file, [each.trait for each in TRAITS])
    except TraitError as error:
        raise refuse(str(error)) from error
    with opened(read_config(config)) as database, database.shopper(tenant) as connection:
        set_own_traits(connection, tenant, wanted)
    if as_json:
        typer.echo(json.dumps({"traits": [each.trait for each in wanted]}))
    else:
        typer.echo(f"{len(wanted)} traits are defined for {tenant}.")


@app.command()
def backfill(
    config: ConfigFile,
    tenant: Tenant,
    trait: Annotated[str, typer.Argument(help="A trait that the tenant has defined.")],
    on: Annotated[
        date | None,
        typer.Option("--day", parser=day_of, metavar="DAY", help="At its end, UTC; today's."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="CSV to write: shopper, value.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute a defined trait of all shoppers from history, as of any day."""
    from cloud_sync.database import Sight
    from cloud_sync.reports.trait_values import spread, values

    own = {each.trait: each for each in _own(config, tenant)}
    if trait not in own:
        listed = ", ".join(sorted(own)) or "none; see `storebridge traits define`"
        raise typer.BadParameter(f"{tenant} has defined no trait {trait!r}; there are: {listed}")
    day = ((on or datetime.fromtimestamp(time.time(), UTC).date()) - EPOCH).days
    with (
        opened_as_it_is(read_config(config)) as database,
        database.seen_by(Sight(tenant=tenant)) as connection,
    ):
        found = asdict(spread(connection, tenant, own[trait], day))
        if out is not None:
            _write(out, values(connection, tenant, own[trait], day))
    if as_json:
        typer.echo(json.dumps({"trait": trait, **found}))
    else:
        typer.echo(", ".join(f"{name} {value}" for name, value in found.items()))


@app.command()
def assets(config: ConfigFile, tenant: Tenant, as_json: AsJson = False) -> None:
    """Say what the shoppers of each brand are worth: paid less refunded, by currency."""
    from cloud_sync.database import Sight
    from cloud_sync.reports.trait_values import assets as read

    with (
        opened_as_it_is(read_config(config)) as database,
        database.seen_by(Sight(tenant=tenant)) as connection,
    ):
        found = [asdict(each) for each in read(connection, tenant)]
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    table = Table("brand", "currency", "shoppers", "cents")
    for row in found:
        table.add_row(*map(str, row.values()))
    Console().print(table if found else "Nothing was bought yet.", markup=False)


def _own(config: Path, tenant: str) -> "tuple[OwnTrait, ...]":
    from cloud_sync.database import Sight
    from cloud_sync.shoppers.profiles.own_traits import own_traits_of

    with (
        opened_as_it_is(read_config(config)) as database,
        database.seen_by(Sight(tenant=tenant)) as connection,
    ):
        return own_traits_of(connection, tenant)


def _write(out: Path, rows: Iterator[tuple[str, int]]) -> None:
    try:
        with out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("shopper", "value"))
            writer.writerows(rows)
    except OSError as error:
        raise refuse(f"{out} cannot be written: {error.strerror}") from error
