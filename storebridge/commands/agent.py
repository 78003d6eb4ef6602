"""`storebridge agent`: the program of one store."""

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from storebridge.listing import list_settings

app = typer.Typer(help="The program of one store.", no_args_is_help=True)
PROGRAM = "storebridge.store_program"
# The C library gives each of the agent's many threads a heap of its own otherwise.
HEAPS = {"MALLOC_ARENA_MAX": "2"}


@app.command()
def run(config: Annotated[Path, typer.Argument(help="The store's TOML file.")]) -> None:
    """Run the agent of a store until Ctrl-C."""
    from edge_agent.config import ConfigError, load

    try:
        load(config, os.environ)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    # The same process goes on as another program, without what the command line has loaded.
    command = [sys.executable, "-m", PROGRAM, str(config)]
    os.execve(sys.executable, command, {**HEAPS, **os.environ})  # noqa: S606 (no shell)


@app.command()
def check(config: Annotated[Path, typer.Argument(help="The store's TOML file.")]) -> None:
    """Check a store's configuration and name every wrong key."""
    from edge_agent.config import ConfigError, load

    try:
        checked = load(config, os.environ)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo(f"{config}: store {checked.store} of {checked.tenant} is well configured.")


@app.command()
def settings(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List everything that can be set in a store's TOML file."""
    from edge_agent.settings import SETTINGS

    list_settings(SETTINGS, as_json=as_json)


@app.command("pin")
def hash_pin() -> None:
    """Ask for a PIN and print its hash, for `web.staff_pin_hash`."""
    from werkzeug.security import generate_password_hash

    pin = getpass.getpass("PIN: ") if os.isatty(0) else input()
    if not (pin.isdigit() and 4 <= len(pin) <= 12):
        typer.echo("A PIN has 4 to 12 digits.", err=True)
        raise typer.Exit(2)
    typer.echo(generate_password_hash(pin))
