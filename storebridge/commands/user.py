"""`storebridge user`: who may sign in at headquarters."""

import getpass
import sys
from typing import Annotated

import typer

from storebridge.commands.answers import NOT_POSSIBLE, Answering, refuse
from storebridge.commands.cloud import ConfigFile, Tenant, opened, read_config

app = typer.Typer(cls=Answering, help="Who may sign in at headquarters.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Say who may sign in at headquarters."""


@app.command()
def add(
    config: ConfigFile,
    name: Annotated[str, typer.Argument(help="The name to sign in with.")],
    tenant: Tenant,
    brand: Annotated[
        str | None, typer.Option(metavar="NAME", help="They see this brand's goods alone.")
    ] = None,
    operator: Annotated[
        str | None, typer.Option(metavar="NAME", help="They see this operator's stores alone.")
    ] = None,
    reviews: Annotated[
        bool | None,
        typer.Option(
            "--reviews/--no-reviews", help="They decide who is one person, and see the records."
        ),
    ] = None,
) -> None:
    """Let somebody sign in, or give them a new password; it is asked for, or read from a pipe.

    Somebody new sees all that is the tenant's unless a brand or operator is named. A new password
    changes nothing of that; an empty name (`--brand ""`) makes somebody one of the tenant again.
    """
    from cloud_sync.console.people import PeopleError, add_person

    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise refuse("The two are not the same.", NOT_POSSIBLE)
    else:
        password = sys.stdin.readline().rstrip("\n")
    with opened(read_config(config)) as database, database.shopper(tenant) as connection:
        try:
            add_person(
                *(connection, tenant, name, password),
                brand=brand,
                operator=operator,
                reviews=reviews,
            )
        except PeopleError as error:
            raise refuse(str(error), NOT_POSSIBLE) from error
    place = f", brand {brand}" if brand else f", operator {operator}" if operator else ""
    typer.echo(f"{name} may sign in at headquarters of {tenant}{place}.")
