"""`storebridge audience`: named conditions on shoppers, and how many meet them."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from storebridge.commands.answers import Answering, AsJson, refuse
from storebridge.commands.cloud import ConfigFile, Tenant, opened_as_it_is, read_config

app = typer.Typer(cls=Answering, help="Named conditions on shoppers.", no_args_is_help=True)


@app.command("set")
def set_them(
    config: ConfigFile,
    file: Annotated[Path, typer.Argument(help="Audiences, as TOML; see docs/operations.md.")],
    tenant: Tenant,
    as_json: AsJson = False,
) -> None:
    """Set a tenant's audiences in place of those before; connectors tell of what changes."""
    from cloud_sync.flow.audiences import AudienceError, read_audiences, set_audiences
    from cloud_sync.shoppers.profiles.stage_rules import KNOWN_ACTS

    checked = read_config(config)
    try:
        audiences = read_audiences(file, KNOWN_ACTS)
    except AudienceError as error:
        raise refuse(str(error), code=2) from error
    with opened_as_it_is(checked) as database, database.shopper(tenant) as connection:
        set_audiences(connection, tenant, audiences, time.time_ns() // 1000)
    names = [each.name for each in audiences]
    typer.echo(json.dumps({"audiences": names}) if as_json else f"Set: {', '.join(names)}.")


@app.command("show")
def show(config: ConfigFile, tenant: Tenant, as_json: AsJson = False) -> None:
    """Show a tenant's audiences, and how many shoppers are in each now."""
    import msgspec

    from cloud_sync.flow.audiences import audiences_set, counts

    with (
        opened_as_it_is(read_config(config)) as database,
        database.shopper(tenant) as connection,
    ):
        found = audiences_set(connection, tenant)
        sizes = counts(connection, tenant, found, time.time_ns() // 1000)
    if as_json:
        listed = [{**msgspec.to_builtins(each), "shoppers": sizes[each.name]} for each in found]
        typer.echo(json.dumps(listed, ensure_ascii=False))
        return
    for each in found:
        typer.echo(f"{each.name}: {sizes[each.name]} shoppers. {each.about}".rstrip())
    if not found:
        typer.echo("No audiences are set: storebridge audience set CONFIG FILE --tenant NAME")
