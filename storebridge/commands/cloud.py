"""`storebridge cloud`: the service that makes one view of many stores and channels."""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from storebridge.commands.answers import NOT_POSSIBLE, Answering, refuse
from storebridge.listing import list_settings, tell_problems
from storebridge.named_file import named_file

if TYPE_CHECKING:
    from cloud_sync.config import CloudConfig
    from cloud_sync.database import Database
    from cloud_sync.flow.connector import Connector
    from storebridge.postgres import EmbeddedPostgres

app = typer.Typer(cls=Answering, help="The cloud service.", no_args_is_help=True)
_log = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
CHECK_EVERY_S = 0.5
# An embedded database that died is started again for this long; then the service ends.
RESTART_S_MAX = 30.0
# A connector that takes longer to end is left: what it was sending is sent again, with the same id.
CONNECTORS_CLOSE_S_MAX = 5.0

ConfigFile = Annotated[
    Path, typer.Argument(help="The service's TOML file.", parser=named_file, metavar="FILE")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def tenant_name(text: str) -> str:
    """Read the name of a tenant, which must be one that its stores can have."""
    from wire.topics import TopicError, check_name

    try:
        return check_name(text)
    except TopicError as error:
        raise typer.BadParameter(str(error)) from error


Tenant = Annotated[
    str, typer.Option(parser=tenant_name, metavar="NAME", help="The brand or group.")
]


def read_config(path: Path) -> "CloudConfig":
    """Read a configuration, or say everything that is wrong with it and exit."""
    from cloud_sync.config import ConfigError, load

    try:
        return load(path, os.environ)
    except ConfigError as error:
        raise refuse(str(error), NOT_POSSIBLE) from error


@contextmanager
def told_in_a_line() -> Iterator[None]:
    """Tell what the world prevents in one line, and exit, where a traceback would help nobody."""
    import psycopg

    from cloud_sync.database.migrations import MigrationError
    from cloud_sync.privacy.kept_apart import KeptApartError
    from edge_agent.web import WebError
    from storebridge.postgres import PostgresError

    try:
        yield
    except (KeptApartError, MigrationError, PostgresError, WebError) as error:
        raise refuse(str(error)) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise refuse(
            f"the database cannot be used: {error.diag.message_primary}; what the user of "
            'database.dsn must own and may do stands in docs/operations.md, "Who sees what"'
        ) from error
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        raise refuse(
            f"the database cannot be used: {reason}; check that it runs, and database.dsn"
        ) from error


def embedded(config: "CloudConfig") -> "EmbeddedPostgres | None":
    """Return the embedded server, not yet started; None where a DSN names another."""
    from storebridge.postgres import EmbeddedPostgres

    return None if config.database.dsn else EmbeddedPostgres(config.folder / "postgres")


@contextmanager
def opened(config: "CloudConfig", server: "EmbeddedPostgres | None" = None) -> Iterator["Database"]:
    """Open the configured database, starting the embedded one where no DSN is given.

    An embedded server that runs already is used, and left to whoever else uses it.
    """
    from cloud_sync.database import Database
    from cloud_sync.database.schema import MIGRATIONS
    from cloud_sync.privacy.kept_apart import KeptApart
    from cloud_sync.privacy.restoring import erase_again

    server = server or embedded(config)
    with told_in_a_line(), ExitStack() as ending:
        if server:
            ending.callback(server.stop)
        dsn = server.start() if server else config.database.dsn
        database = Database(dsn, connections_max=config.database.connections_max)
        ending.callback(database.close)
        database.migrate(MIGRATIONS)
        # One that was restored from a backup serves nobody who was erased since.
        if again := erase_again(database, KeptApart(config.erasures_file)):
            _log.warning("%d shoppers whom the database held again were erased again", again)
        yield database


@contextmanager
def opened_as_it_is(config: "CloudConfig") -> Iterator["Database"]:
    """Open the configured database for a command that has nothing to do where there is none yet."""
    server = embedded(config)
    if server and not server.folder.exists():
        raise refuse(
            f"there is no database in {server.folder} yet; `storebridge cloud run` makes it"
        )
    with opened(config, server) as database:
        yield database


@app.command()
def run(
    config: ConfigFile,
    work: Annotated[bool, typer.Option(help="Receive, fold and decide.")] = True,
    web: Annotated[bool, typer.Option(help="Serve headquarters' pages and the API.")] = True,
) -> None:
    """Run the service until Ctrl-C: a worker and the web, or one of them.

    Several workers, on several machines, share the stores.
    """
    from cloud_sync.privacy.kept_apart import KeptApart
    from cloud_sync.review.comparing import Comparer
    from cloud_sync.workers.chores import Chores
    from cloud_sync.workers.worker import Worker
    from storebridge.assembly import build_cloud_web, build_connectors, build_worker
    from storebridge.parent import asked_to_end

    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    checked = read_config(config)
    ended = asked_to_end()
    postgres = embedded(checked)
    with opened(checked, postgres) as database, ExitStack() as ending:
        server = build_cloud_web(checked, database) if web else None
        working: list[Worker | Chores] = []
        if work:
            apart = KeptApart(checked.erasures_file)
            chores = Chores(
                database,
                apart=apart,
                lapsed_days=checked.lapsed_days,
                wipe_hour=checked.wipe_hour,
                zone=ZoneInfo(checked.web.time_zone),
                comparer=Comparer(database, checked.identifier_keys),
            )
            working = [build_worker(checked, database), chores]
            ending.enter_context(connecting(build_connectors(checked, database)))
        for part in working:
            ending.callback(part.close)
            part.start()
        if server:
            ending.callback(server.close)
            server.start()
            _log.info("web at http://%s:%d", server.host, server.port)
        while not ended.wait(CHECK_EVERY_S):
            if not all(part.alive for part in working):
                raise refuse("The worker ended by a fault of its own; see the log above.")
            if postgres and not postgres.alive:
                _bring_back(postgres, ended)


@contextmanager
def connecting(connectors: "Sequence[Connector]") -> Iterator[None]:
    """Let connectors tell other systems meanwhile, each in a thread that is restarted alone."""
    from edge_agent.supervisor import Supervised

    def say(reason: str) -> None:
        _log.warning("a connector failed and begins again: %s", reason)

    threads = [Supervised(f"connector {one.name}", one.run, on_failed=say) for one in connectors]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.stop()
        until = time.monotonic() + CONNECTORS_CLOSE_S_MAX
        for thread in threads:
            thread.join(until - time.monotonic())


def _bring_back(server: "EmbeddedPostgres", ended: threading.Event) -> None:
    """Start an embedded database again that died; raises PostgresError when it stays away."""
    from storebridge.postgres import PostgresError

    _log.error("the embedded PostgreSQL died; starting it again")
    until = time.monotonic() + RESTART_S_MAX
    while not ended.is_set():
        try:
            server.start()
        except PostgresError:
            # What is left of the one that died may still be ending.
            if time.monotonic() > until:
                raise
            ended.wait(CHECK_EVERY_S)
        else:
            return


@app.command()
def check(config: ConfigFile, as_json: Json = False) -> None:
    """Check the service's configuration and name every wrong key."""
    from cloud_sync.config import ConfigError, load

    try:
        checked = load(config, os.environ)
    except ConfigError as error:
        tell_problems(error, as_json=as_json)
        raise typer.Exit(NOT_POSSIBLE) from error
    if as_json:
        right = {"file": str(config), "problems": [], "tenants": sorted(checked.tenants)}
        typer.echo(json.dumps(right))
        return
    tenants = ", ".join(sorted(checked.tenants)) or "none"
    typer.echo(f"{config}: the cloud is well configured; tenants over HTTP: {tenants}.")


@app.command()
def settings(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List everything that can be set in the service's TOML file."""
    from cloud_sync.settings import SETTINGS

    list_settings(SETTINGS, as_json=as_json)


@app.command()
def migrate(config: ConfigFile) -> None:
    """Bring the database to this version's tables."""
    with opened(read_config(config)):
        typer.echo("The database has this version's tables.")


@app.command("catalogue")
def import_catalogue(
    config: ConfigFile,
    file: Annotated[
        Path,
        typer.Argument(
            help="Products and shelf plans, as JSON or CSV.", parser=named_file, metavar="FILE"
        ),
    ],
    tenant: Tenant,
) -> None:
    """Import a catalogue and tell every store what changed for it."""
    from cloud_sync.catalogue import import_catalogue as store
    from cloud_sync.catalogue_file import CatalogueError, read_catalogue
    from storebridge.assembly import tell_stores

    checked = read_config(config)
    try:
        catalogue = read_catalogue(file)
        with opened(checked) as database:
            with database.shopper(tenant) as connection:
                imported = store(connection, tenant, catalogue)
            told = tell_stores(database, tenant)
    except CatalogueError as error:
        raise refuse(str(error)) from error
    typer.echo(
        f"{imported.products} products and {imported.plans} shelf plans imported,"
        f" {imported.withdrawn} products withdrawn; {told} stores told."
    )


@app.command("code-keys")
def set_keys(
    config: ConfigFile,
    tenant: Tenant,
    keys: Annotated[list[str] | None, typer.Argument(help="Public keys, 64 hex digits.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Believe no key any more.")] = False,
    as_json: Json = False,
) -> None:
    """Set the public keys that the tenant's codes are signed for, or show them, one a line.

    Every store is told. Two keys may hold at once, so that a new one can take over in peace.
    """
    from cloud_sync.codes.code_keys import code_keys, set_code_keys
    from storebridge.assembly import tell_stores

    # Looking at the keys makes no database where there is none.
    opening = opened if keys or remove else opened_as_it_is
    with opening(read_config(config)) as database:
        if keys or remove:
            try:
                with database.shopper(tenant) as connection:
                    set_code_keys(connection, tenant, keys or [])
            except ValueError as error:
                raise refuse(f"These keys cannot be set: {error}.", NOT_POSSIBLE) from error
            typer.echo(f"{tell_stores(database, tenant)} stores told.", err=True)
        with database.shopper(tenant) as connection:
            held = list(code_keys(connection, tenant))
    for line in [json.dumps({"keys": held})] if as_json else held:
        typer.echo(line)


@app.command("key")
def create_key(
    config: ConfigFile,
    tenant: Tenant,
    source: Annotated[str, typer.Option(help="The channel: web, app, …")],
    tokens: Annotated[
        bool, typer.Option("--tokens", help="It may have members' tokens signed: an app's alone.")
    ] = False,
    rights: Annotated[
        bool,
        typer.Option("--rights", help="It may ask for all about a shopper, and have one erased."),
    ] = False,
    shoppers: Annotated[
        bool, typer.Option("--shoppers", help="It may look at shoppers, join and split them.")
    ] = False,
) -> None:
    """Create an API key for a web shop or app and print it, this once."""
    from cloud_sync.intake.api_keys import create_key as create
    from wire.topics import TopicError

    with opened(read_config(config)) as database, database.shopper(tenant) as connection:
        try:
            made = create(
                connection,
                tenant,
                source,
                issues_tokens=tokens,
                answers_rights=rights,
                about_shoppers=shoppers,
            )
            typer.echo(made)
        except TopicError as error:
            raise refuse(str(error), NOT_POSSIBLE) from error
