"""`storebridge import`: members, orders, stock and catalogue out of files."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from storebridge.commands.answers import NOT_POSSIBLE, Answering, refuse
from storebridge.commands.cloud import Tenant, opened

if TYPE_CHECKING:
    from cloud_sync.config import CloudConfig
    from cloud_sync.imports.importing import Import, Progress

app = typer.Typer(
    cls=Answering,
    help="Import members, orders, stock or a catalogue: CSV (also .gz) or Parquet.",
    no_args_is_help=True,
)

File = Annotated[
    str, typer.Argument(help="CSV, .csv.gz or .parquet with one row a line; or its web address.")
]
ConfigOption = Annotated[Path, typer.Option("--config", help="The service's TOML file.")]
CONFIG = Path("cloud.toml")
Source = Annotated[
    str, typer.Option(help="The channel as which the file speaks, and whose orders these are.")
]
Encoding = Annotated[
    str, typer.Option(help="The file's encoding, where it is neither UTF-8 nor GB 18030 (GBK).")
]
Proven = Annotated[
    bool,
    typer.Option(
        "--proven", help="Phone numbers and e-mail addresses were proven, not only typed."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.command()
def members(
    file: File,
    tenant: Tenant,
    config: ConfigOption = CONFIG,
    source: Source = "import",
    encoding: Encoding = "",
    proven: Proven = False,
    as_json: Json = False,
) -> None:
    """Import who is on a membership list: each row joins the identifiers that it names."""
    _import("members", file, tenant, config, source, encoding, proven=proven, as_json=as_json)


@app.command()
def orders(
    file: File,
    tenant: Tenant,
    config: ConfigOption = CONFIG,
    source: Source = "import",
    encoding: Encoding = "",
    proven: Proven = False,
    as_json: Json = False,
) -> None:
    """Import orders of the past, a row for each line; those of an order follow each other."""
    _import("orders", file, tenant, config, source, encoding, proven=proven, as_json=as_json)


@app.command()
def stock(
    file: File,
    tenant: Tenant,
    config: ConfigOption = CONFIG,
    encoding: Encoding = "",
    as_json: Json = False,
) -> None:
    """Import how many pieces of each product there are, in each store and for the web shop."""
    _import("stock", file, tenant, config, "import", encoding, proven=False, as_json=as_json)


@app.command()
def catalogue(
    file: Annotated[
        str, typer.Argument(help="JSON, CSV, .csv.gz or .parquet, or its web address.")
    ],
    tenant: Tenant,
    config: ConfigOption = CONFIG,
    as_json: Json = False,
) -> None:
    """Import the whole catalogue, or nothing of it, and tell every store what changed for it."""
    from cloud_sync.catalogue import import_catalogue
    from cloud_sync.catalogue_file import CatalogueError, read_catalogue
    from cloud_sync.imports.fetching import FetchError
    from storebridge.assembly import tell_stores

    began = time.monotonic()
    checked = _configured(config)
    try:
        with _here(file) as path:
            read = read_catalogue(path)
        with opened(checked) as database:
            with database.shopper(tenant) as connection:
                done = import_catalogue(connection, tenant, read)
            told = tell_stores(database, tenant)
    except (CatalogueError, FetchError) as error:
        raise refuse(str(error), NOT_POSSIBLE) from error
    seconds = time.monotonic() - began
    result = {
        "products": done.products,
        "plans": done.plans,
        "withdrawn": done.withdrawn,
        "stores_told": told,
        "seconds": round(seconds, 2),
    }
    if as_json:
        typer.echo(json.dumps(result))
        return
    typer.echo(
        f"{done.products} products and {done.plans} shelf plans imported, {done.withdrawn}"
        f" products withdrawn; {told} stores told."
    )


def _import(
    kind: str,
    file: str,
    tenant: str,
    config: Path,
    source: str,
    encoding: str,
    *,
    proven: bool,
    as_json: bool,
) -> None:
    from zoneinfo import ZoneInfo

    from cloud_sync.imports.fetching import FetchError, is_address
    from cloud_sync.imports.importing import Import, NotImportedError
    from cloud_sync.imports.kinds import KINDS, Setting
    from cloud_sync.imports.table_file import TableError, open_table
    from wire.topics import TopicError, check_name

    checked = _configured(config)
    key = checked.identifier_keys.get(tenant)
    if key is None:
        raise refuse(f"{config} has no [tenants.{tenant}] with its identifier_key", NOT_POSSIBLE)
    try:
        setting = Setting(
            source=check_name(source),
            key=key,
            zone=ZoneInfo(checked.web.time_zone),
            now=time.time_ns() // 1000,
            proven=proven,
        )
        with ExitStack() as ending:
            table = open_table(ending.enter_context(_here(file)), encoding)
            database = ending.enter_context(opened(checked))
            rejects = Path(f"{table.file.name}.rejects.csv") if is_address(file) else None
            importing = Import(database, tenant, KINDS[kind], table, setting, rejects)
            began = time.monotonic()
            with _bar(kind, table.rows_about) as bar:
                before: list[int] = []

                def told(progress: "Progress") -> None:
                    before.append(progress.rows)
                    bar(progress)

                done = importing.run(told)
            seconds = time.monotonic() - began
    except (TableError, FetchError, NotImportedError, TopicError) as error:
        raise refuse(str(error), NOT_POSSIBLE) from error
    _say(importing, done, done.rows - before[0], seconds, table.encoding, as_json=as_json)


@contextmanager
def _here(file: str) -> Iterator[Path]:
    """Give the path of a file; one that is named by its address is fetched, and gone afterwards."""
    from cloud_sync.imports.fetching import fetch, is_address

    if not is_address(file):
        yield Path(file)
        return
    with TemporaryDirectory(prefix="storebridge-import-") as folder:
        yield fetch(file, Path(folder))


def _configured(file: Path) -> "CloudConfig":
    from cloud_sync.config import ConfigError, load

    try:
        return load(file, os.environ)
    except ConfigError as error:
        raise refuse(f"{error}; name the service's file with --config", NOT_POSSIBLE) from error


def _say(
    importing: "Import",
    done: "Progress",
    rows_now: int,
    seconds: float,
    encoding: str,
    *,
    as_json: bool,
) -> None:
    rejects = str(importing.rejects_file) if done.rejected else None
    result = {
        "rows": done.rows,
        "rows_now": rows_now,
        "accepted": done.accepted,
        "repeated": done.repeated,
        "rejected": done.rejected,
        "rejects": rejects,
        "encoding": encoding or None,
        "columns_unused": importing.unused,
        "seconds": round(seconds, 2),
        "rows_per_s": round(rows_now / seconds) if seconds and rows_now else 0,
    }
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    typer.echo(
        f"{rows_now} rows read in {seconds:.1f} s ({result['rows_per_s']} rows/s), {done.rows} of"
        f" this file in all: {done.accepted} new, {done.repeated} known already,"
        f" {done.rejected} rejected."
    )
    if rejects:
        typer.echo(f"Rejected lines with their reasons: {rejects}")
    if importing.unused:
        typer.echo(f"Columns that say nothing here: {', '.join(importing.unused)}")
    if not rows_now:
        typer.echo("This file was imported before; nothing was left to do.")


@contextmanager
def _bar(kind: str, rows: int) -> "Iterator[Callable[[Progress], None]]":
    """Show a bar where somebody looks on."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rejected]} rejected"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        task = progress.add_task(kind, total=rows, rejected=0)
        yield lambda done: progress.update(task, completed=done.rows, rejected=done.rejected)
