"""`storebridge shopper`: what is known of one shopper, why, and who is one with whom."""

import getpass
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from storebridge.commands.answers import NOT_POSSIBLE, Answering, refuse
from storebridge.commands.cloud import ConfigFile, Tenant, opened_as_it_is, read_config

if TYPE_CHECKING:
    from psycopg import Connection

    from cloud_sync.database import Database

app = typer.Typer(
    cls=Answering,
    help="What is known of one shopper, and who is one with whom.",
    no_args_is_help=True,
)

_ID = re.compile(r"[0-9a-fA-F]{32}")

Who = Annotated[
    str,
    typer.Argument(
        help="A shopper ID, or an identifier as KIND:VALUE, such as member:M1001;"
        " KIND:- reads the value from a pipe."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Because = Annotated[str, typer.Option(help="Why: it stands in the log.")]
By = Annotated[str, typer.Option(help="Who says so; who is signed in here, if not given.")]

Said = Callable[["Connection", str, Sequence[str]], set[str]]


@app.callback()
def main() -> None:
    """Look at one shopper, and say who is one with whom."""


@app.command()
def show(config: ConfigFile, who: Who, tenant: Tenant, as_json: Json = False) -> None:
    """Show what is known of a shopper: identifiers, stage, money, stores, coupons."""
    from cloud_sync.cloud import wall_time
    from cloud_sync.decisions import portrait

    with _one(config, tenant, who) as (connection, shopper):
        say(portrait.show(connection, tenant, shopper, wall_time()), as_json=as_json)


@app.command()
def explain(config: ConfigFile, who: Who, tenant: Tenant, as_json: Json = False) -> None:
    """Explain a shopper: why each identifier is theirs, and what stage and offers rest on."""
    from cloud_sync.cloud import wall_time
    from cloud_sync.decisions import portrait

    with _one(config, tenant, who) as (connection, shopper):
        say(portrait.explain(connection, tenant, shopper, wall_time()), as_json=as_json)


@app.command()
def join(
    config: ConfigFile,
    who: Who,
    other: Who,
    tenant: Tenant,
    because: Because = "",
    by: By = "",
    as_json: Json = False,
) -> None:
    """Say that two are one person; it counts for more than the rules do."""
    from cloud_sync.shoppers.graph import said

    _speak(
        config,
        tenant,
        [who, other],
        lambda connection, source, ids: said.join(
            connection, tenant, ids[0], ids[1], because=because, source=source
        ),
        by=by,
        as_json=as_json,
    )


@app.command()
def split(
    config: ConfigFile,
    who: Annotated[list[str], typer.Argument(help="The identifiers that are another person's.")],
    tenant: Tenant,
    because: Because = "",
    by: By = "",
    as_json: Json = False,
) -> None:
    """Take identifiers out of their shopper; profiles and coupons are as if never joined."""
    from cloud_sync.shoppers.graph import said

    _speak(
        config,
        tenant,
        who,
        lambda connection, source, ids: said.split(
            connection, tenant, set(ids), because=because, source=source
        ),
        by=by,
        as_json=as_json,
    )


@app.command()
def demote(
    config: ConfigFile,
    who: Who,
    tenant: Tenant,
    because: Because = "",
    by: By = "",
    as_json: Json = False,
) -> None:
    """Say that an identifier is a thing of many people: it joins nobody, and is offered nothing."""
    from cloud_sync.shoppers.graph import said

    _speak(
        config,
        tenant,
        [who],
        lambda connection, source, ids: said.demote(
            connection, tenant, ids[0], because=because, source=source
        ),
        by=by,
        as_json=as_json,
    )


@app.command()
def restore(
    config: ConfigFile,
    who: Who,
    tenant: Tenant,
    because: Because = "",
    by: By = "",
    as_json: Json = False,
) -> None:
    """Say that an identifier is one person's after all, whatever the rules found."""
    from cloud_sync.shoppers.graph import said

    _speak(
        config,
        tenant,
        [who],
        lambda connection, source, ids: said.restore(
            connection, tenant, ids[0], because=because, source=source
        ),
        by=by,
        as_json=as_json,
    )


def _speak(
    config: ConfigFile, tenant: str, who: Sequence[str], word: Said, *, by: str, as_json: bool
) -> None:
    """Say something about identifiers, and tell what became of them."""
    from cloud_sync.database import retried
    from cloud_sync.shoppers.graph.regroup import states_of
    from cloud_sync.shoppers.graph.said import SaidError

    source = by or getpass.getuser()
    with _opened(config, tenant, who) as (database, ids):
        try:
            changed = retried(
                lambda: database.shopper(tenant), lambda connection: word(connection, source, ids)
            )
        except SaidError as error:
            raise refuse(str(error), NOT_POSSIBLE) from None
        with database.shopper(tenant) as connection:
            states = states_of(connection, tenant, ids)
    now = {each: states[each].shopper for each in ids}
    say({"changed": sorted(changed), "shoppers": now}, as_json=as_json)


@contextmanager
def _one(config: ConfigFile, tenant: str, who: str) -> Iterator[tuple["Connection", str]]:
    """Open a connection that only reads what is the tenant's, and find the shopper."""
    from cloud_sync.database import Sight
    from cloud_sync.decisions.portrait import resolve

    with (
        _opened(config, tenant, [who]) as (database, (named,)),
        database.seen_by(Sight(tenant=tenant)) as connection,
    ):
        shopper = resolve(connection, tenant, named)
        if shopper is None:
            raise refuse(f"{who} was never seen by {tenant}: nothing is known", NOT_POSSIBLE)
        yield connection, shopper


@contextmanager
def _opened(
    config: ConfigFile, tenant: str, who: Sequence[str]
) -> Iterator[tuple["Database", list[str]]]:
    checked = read_config(config)
    if tenant not in checked.tenants:
        known = ", ".join(sorted(checked.tenants)) or "none"
        raise refuse(
            f"{config} names no tenant {tenant!r} (it names: {known}); set"
            f" tenants.{tenant}.identifier_key",
            NOT_POSSIBLE,
        )
    key = checked.identifier_keys[tenant]
    ids = [_identifier(each, key) for each in who]
    with opened_as_it_is(checked) as database:
        yield database, ids


def _identifier(who: str, key: bytes) -> str:
    """Return the id of an identifier, keyed here, or a shopper ID as it is."""
    from wire.identifiers import IdentifierError, identifier_id, key_identifier

    if _ID.fullmatch(who):
        return who.lower()
    kind, colon, value = who.partition(":")
    if not colon:
        raise refuse(
            f"{who!r} is neither a shopper ID (32 hexadecimal digits) nor KIND:VALUE",
            NOT_POSSIBLE,
        )
    plain = sys.stdin.readline().rstrip("\n") if value == "-" else value
    try:
        return identifier_id(key_identifier(kind, plain, key=key))
    except IdentifierError as error:
        raise refuse(f"{kind}: {error}", NOT_POSSIBLE) from None


def say(found: Mapping[str, object], *, as_json: bool) -> None:
    """Print what was found as one JSON object, or as lines that say the same."""
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for line in _lines(found):
        typer.echo(line)


def _lines(value: object, indent: int = 0) -> Iterator[str]:
    """Yield nested values as indented lines; times, which are µs UTC, as dates."""
    match value:
        case dict():
            for name, each in value.items():
                words = str(name).replace("_", " ")
                if isinstance(each, dict | list) and each:
                    yield f"{'  ' * indent}{words}:"
                    yield from _lines(each, indent + 1)
                else:
                    yield f"{'  ' * indent}{words}: {_plain(name, each)}"
        case list():
            for each in value:
                first, *rest = list(_lines(each, indent + 1)) or [""]
                yield f"{'  ' * indent}- {first.lstrip()}"
                yield from rest
        case _:
            yield f"{'  ' * indent}{value}"


def _plain(name: object, value: object) -> str:
    is_time = name == "at" or str(name).endswith("_at")
    if is_time and isinstance(value, int) and value:
        return datetime.fromtimestamp(value / 1e6, UTC).isoformat(timespec="seconds")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value or value == 0 else "none"
