"""`storebridge funnel`: at which stage shoppers stand, how they move, and by which rules."""

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from storebridge.commands.answers import Answering, AsJson, refuse
from storebridge.commands.cloud import ConfigFile, Tenant, opened, opened_as_it_is, read_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from cloud_sync.reports.funnel import By
    from cloud_sync.shoppers.profiles.stage_rules import StageRule

app = typer.Typer(
    cls=Answering, help="Stages of shoppers, counted between any days.", no_args_is_help=True
)
rules = typer.Typer(
    cls=Answering, help="The rules by which a stage is reached.", no_args_is_help=True
)
app.add_typer(rules, name="rules")

DAYS_SHOWN = 30
EPOCH = date(1970, 1, 1)


def day_of(text: str) -> date:
    """Read a day such as 2026-11-28."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day such as 2026-11-28") from error


First = Annotated[
    date | None,
    typer.Option("--from", parser=day_of, metavar="DAY", help="The earlier day, UTC, at its end."),
]
Last = Annotated[
    date | None,
    typer.Option("--to", parser=day_of, metavar="DAY", help="The later day; today if not given."),
]
Brand = Annotated[str | None, typer.Option(metavar="NAME", help="With this brand's goods alone.")]
Store = Annotated[str | None, typer.Option(metavar="NAME", help="In this store alone.")]
Channel = Annotated[
    str | None, typer.Option(metavar="NAME", help="In this channel alone: web, app, …, or store.")
]
Each = Annotated[
    str | None, typer.Option("--by", metavar="WHAT", help="Each brand, store or channel.")
]


@app.callback()
def main() -> None:
    """Say at which stage shoppers stand, and how they move."""


@rules.callback()
def rules_main() -> None:
    """Show and set the rules of a tenant's funnel."""


@app.command()
def counts(
    config: ConfigFile,
    tenant: Tenant,
    first: First = None,
    last: Last = None,
    brand: Brand = None,
    store: Store = None,
    channel: Channel = None,
    each: Each = None,
    as_json: AsJson = False,
) -> None:
    """Count the shoppers at each stage at the end of two days."""
    from cloud_sync.reports import funnel
    from cloud_sync.shoppers.profiles.stage_rules import STAGES

    days = _days(first, last)
    by, key = _by(brand, store, channel, each)
    with _seen(config, tenant) as (connection, held):
        found = funnel.counts(connection, tenant, [*map(_number, days)], held, by, key)
    rows = [
        (day.isoformat(), name, counted)
        for day in days
        for name, counted in sorted(found[_number(day)].items())
    ]
    if as_json:
        listed = [{"day": day, "key": name, "shoppers": of} for day, name, of in rows]
        typer.echo(json.dumps({"by": by, "counts": listed}, ensure_ascii=False))
        return
    _show(("day", by, *STAGES), ((day, name, *of.values()) for day, name, of in rows))


@app.command()
def flows(
    config: ConfigFile,
    tenant: Tenant,
    first: First = None,
    last: Last = None,
    brand: Brand = None,
    store: Store = None,
    channel: Channel = None,
    each: Each = None,
    as_json: AsJson = False,
) -> None:
    """Count how shoppers moved between stages from the end of one day to that of another."""
    from cloud_sync.reports import funnel

    since, until = _days(first, last)
    by, key = _by(brand, store, channel, each)
    with _seen(config, tenant) as (connection, held):
        ends = (_number(since), _number(until))
        found = funnel.flows(connection, tenant, *ends, held, by, key)
    rows = [
        {"key": name, "from": flow.before, "to": flow.after, "shoppers": flow.shoppers}
        for name, some in sorted(found.items())
        for flow in some
    ]
    if as_json:
        ends_said = {"from": since.isoformat(), "to": until.isoformat()}
        typer.echo(json.dumps({"by": by, **ends_said, "flows": rows}, ensure_ascii=False))
        return
    _show(
        (by, since.isoformat(), until.isoformat(), "shoppers"),
        ((each["key"], each["from"] or "(new)", each["to"], each["shoppers"]) for each in rows),
    )


@rules.command("show")
def show_rules(config: ConfigFile, tenant: Tenant, as_json: AsJson = False) -> None:
    """Show the rules that hold for a tenant, the tenant's own or those of this version."""
    from cloud_sync.shoppers.profiles.stage_rules import plain

    with _seen(config, tenant) as (_, held):
        listed = plain(held)
    if as_json:
        typer.echo(json.dumps(listed))
        return
    _show(("stage", "act", "times", "amount", "days"), (each.values() for each in listed))


@rules.command("set")
def set_rules(
    config: ConfigFile,
    tenant: Tenant,
    file: Annotated[Path | None, typer.Argument(help="TOML with a [[rule]] for each.")] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Those that come with this version, from now on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set a tenant's rules; a file is checked whole before anything changes."""
    from cloud_sync.shoppers.profiles.stage_rules import (
        StageRulesError,
        plain,
        read_rules,
        rules_of,
    )
    from cloud_sync.shoppers.profiles.stage_rules import set_rules as store

    if (file is None) != default:
        raise typer.BadParameter("name a file of rules, or --default")
    try:
        wanted = None if file is None else read_rules(file)
    except StageRulesError as error:
        raise refuse(str(error)) from error
    with opened(read_config(config)) as database, database.shopper(tenant) as connection:
        due = store(connection, tenant, wanted)
        held = rules_of(connection, tenant)
    if as_json:
        typer.echo(json.dumps({"rules": plain(held), "decided_anew": due}))
    else:
        typer.echo(f"{len(held)} rules hold for {tenant}; {due} shoppers are decided anew.")


@contextmanager
def _seen(config: Path, tenant: str) -> "Iterator[tuple[Connection, Sequence[StageRule]]]":
    """Open what a tenant may see, with the rules that hold for its shoppers."""
    from cloud_sync.database import Sight
    from cloud_sync.shoppers.profiles.stage_rules import rules_of

    with (
        opened_as_it_is(read_config(config)) as database,
        database.seen_by(Sight(tenant=tenant)) as connection,
    ):
        yield connection, rules_of(connection, tenant)


def _days(first: date | None, last: date | None) -> tuple[date, date]:
    until = last or datetime.fromtimestamp(time.time(), UTC).date()
    since = first or until - timedelta(days=DAYS_SHOWN)
    if since >= until:
        raise typer.BadParameter(f"--from {since} does not lie before --to {until}")
    return since, until


def _by(
    brand: str | None, store: str | None, channel: str | None, each: str | None
) -> "tuple[By, str]":
    named: list[tuple[By, str]] = []
    if brand is not None:
        named.append(("brand", brand))
    if store is not None:
        named.append(("store", store))
    if channel is not None:
        named.append(("channel", channel))
    match each:
        case None:
            pass
        case "brand" | "store" | "channel":
            named.append((each, ""))
        case _:
            raise typer.BadParameter(f"--by {each}: one of brand, store, channel")
    if len(named) > 1:
        raise typer.BadParameter("name one of --brand, --store, --channel and --by")
    by, key = named[0] if named else ("whole", "")
    if not key and each is None and by != "whole":
        raise typer.BadParameter(f"--{by} needs a name; for each of them: --by {by}")
    return by, key


def _number(day: date) -> int:
    return (day - EPOCH).days


def _show(titles: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    table = Table(*titles)
    for row in rows:
        table.add_row(*map(str, row))
    Console().print(table if table.row_count else "Nobody was known by then.", markup=False)
