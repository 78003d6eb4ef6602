"""`storebridge points`: what gives points, and which levels there are."""

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from storebridge.commands.answers import Answering, AsJson, refuse
from storebridge.commands.cloud import ConfigFile, Tenant, opened, opened_as_it_is, read_config

app = typer.Typer(cls=Answering, help="What gives points, and the levels.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Say what gives points, and which levels there are."""


@app.command()
def show(config: ConfigFile, tenant: Tenant, as_json: AsJson = False) -> None:
    """Show what gives points to a tenant's shoppers, and the levels."""
    from cloud_sync.database import Sight
    from cloud_sync.shoppers.profiles.points import point_rules_of

    with (
        opened_as_it_is(read_config(config)) as database,
        database.seen_by(Sight(tenant=tenant)) as connection,
    ):
        rules = point_rules_of(connection, tenant)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(rules), ensure_ascii=False))
    elif rules is None:
        typer.echo(f"{tenant} gives no points; `storebridge points set` lets it.")
    else:
        for currency, cents in sorted(rules.cents_per_point.items()):
            typer.echo(f"a point for each {cents} cents of {currency}")
        for each in sorted(rules.level, key=lambda level: level.points):
            typer.echo(f"{each.level} from {each.points} points")


@app.command("set")
def set_rules(
    config: ConfigFile,
    tenant: Tenant,
    file: Annotated[Path | None, typer.Argument(help="TOML with rates and levels.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Give no points any more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set what gives points; a file is checked whole before anything changes."""
    from cloud_sync.shoppers.profiles.points import PointsError, read_point_rules, set_point_rules

    if (file is None) != none:
        raise typer.BadParameter("name a file of rules, or --none")
    try:
        rules = None if file is None else read_point_rules(file)
    except PointsError as error:
        raise refuse(str(error)) from error
    with opened(read_config(config)) as database, database.shopper(tenant) as connection:
        set_point_rules(connection, tenant, rules)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(rules), ensure_ascii=False))
    else:
        typer.echo(f"{tenant} gives {'no points' if rules is None else 'points'} from now on.")
