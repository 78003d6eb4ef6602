"""`storebridge replay`: fold the whole ledger anew and hold it against what is there."""

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from storebridge.commands.answers import AsJson
from storebridge.commands.cloud import ConfigFile, opened_as_it_is, read_config

DIGITS_SHOWN = 12


def replay(config: ConfigFile, as_json: AsJson = False) -> None:
    """Fold all events anew, beside the service, and compare; ends with 1 where a table differs.

    Nothing is changed. It takes about as long as folding took.
    """
    from cloud_sync.workers.replay import count_folded
    from cloud_sync.workers.replay import replay as fold_anew

    with opened_as_it_is(read_config(config)) as database:
        with database.ledger(0) as connection:
            events = count_folded(connection)
        with Progress(console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task("folding", total=events)
            compared = fold_anew(database.dsn, lambda some: shown.advance(task, some))
    same = all(each.is_same for each in compared)
    if as_json:
        tables = [{**asdict(each), "is_same": each.is_same} for each in compared]
        typer.echo(json.dumps({"is_same": same, "events": events, "tables": tables}))
    else:
        table = Table("table", "rows", "digest", "replayed", "digest")
        for each in compared:
            table.add_row(
                each.table,
                str(each.rows),
                each.digest[:DIGITS_SHOWN],
                str(each.replayed_rows) if each.is_same else f"{each.replayed_rows} differs",
                each.replayed_digest[:DIGITS_SHOWN],
            )
        Console().print(table, markup=False)
    if not same:
        raise typer.Exit(1)
