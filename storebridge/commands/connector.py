"""`storebridge connector`: the systems that are told of shoppers, and what they would not take."""

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from storebridge.commands.answers import Answering, AsJson, refuse
from storebridge.commands.cloud import ConfigFile, Tenant, opened_as_it_is, read_config

app = typer.Typer(
    cls=Answering, help="The systems that are told of shoppers.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The connector, as the configuration names it.")]


@app.command("list")
def list_connectors(config: ConfigFile, tenant: Tenant, as_json: AsJson = False) -> None:
    """Show how each connector stands: who waits, what was sent, and what is wrong."""
    from cloud_sync.flow.connector import standings

    with (
        opened_as_it_is(read_config(config)) as database,
        database.shopper(tenant) as connection,
    ):
        found = standings(connection, tenant)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
        return
    for each in found:
        line = f"{each.connector}: {each.sent} sent, {each.waiting} waiting, {each.dead} dead"
        if each.failures:
            line += f"; {each.failures} failures until now, again at {_clock(each.paused_until)}"
            line += f" ({each.reason})"
        typer.echo(line)
    if not found:
        typer.echo("No connector has run yet: name one in the configuration, [connectors.NAME].")


@app.command("dead-letters")
def dead_letters(
    config: ConfigFile,
    tenant: Tenant,
    connector: Annotated[str, typer.Option(help="Of this connector alone.")] = "",
    as_json: AsJson = False,
) -> None:
    """List shoppers of whom another system would not be told, each with the reason."""
    from cloud_sync.flow import queue

    with (
        opened_as_it_is(read_config(config)) as database,
        database.shopper(tenant) as connection,
    ):
        found = queue.dead_letters(connection, tenant, connector)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        return
    for each in found:
        typer.echo(
            f"{each.connector} {each.shopper} since {_clock(each.since)},"
            f" given up {_clock(each.dead_at)} after {each.attempts} attempts: {each.reason}"
        )
    if not found:
        typer.echo("No dead letters.")


@app.command("replay")
def replay(config: ConfigFile, connector: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Send the dead letters of a connector again, and do not wait for its pause to end."""
    from cloud_sync.flow import queue

    with opened_as_it_is(read_config(config)) as database:
        with database.shopper(tenant) as connection:
            again = queue.replay(connection, tenant, connector, time.time_ns() // 1000)
        if again is None:
            raise refuse(f"{connector}: {tenant} has no such connector; `connector list` has all")
    typer.echo(json.dumps({"replayed": again}) if as_json else f"{again} are sent again.")


@app.command("drop")
def drop(config: ConfigFile, connector: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Forget a connector that the configuration no longer names, with all that it was to tell."""
    from cloud_sync.flow.connector import drop as forget

    checked = read_config(config)
    if connector in checked.connectors:
        raise refuse(f"{connector} stands in {config}: take it out there first", code=2)
    with opened_as_it_is(checked) as database, database.shopper(tenant) as connection:
        known = forget(connection, tenant, connector)
    if not known:
        raise refuse(f"{connector}: {tenant} has no such connector; `connector list` has all")
    typer.echo(json.dumps({"dropped": connector}) if as_json else f"{connector} is forgotten.")


def _clock(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at // 1_000_000))
