"""`storebridge agent`: the program of one store."""

import getpass
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storebridge.commands.answers import NOT_POSSIBLE, Answering, refuse
from storebridge.listing import list_settings, tell_problems
from storebridge.named_file import named_file

if TYPE_CHECKING:
    from edge_agent.config import AgentConfig

app = typer.Typer(cls=Answering, help="The program of one store.", no_args_is_help=True)
PROGRAM = "storebridge.store_program"
# The C library gives each of the agent's many threads a heap of its own otherwise.
HEAPS = {"MALLOC_ARENA_MAX": "2"}


ConfigFile = Annotated[
    Path, typer.Argument(help="The store's TOML file.", parser=named_file, metavar="FILE")
]


@app.command()
def run(config: ConfigFile) -> None:
    """Run the agent of a store until Ctrl-C."""
    from edge_agent.config import ConfigError, load

    try:
        load(config, os.environ)
    except ConfigError as error:
        raise refuse(str(error), NOT_POSSIBLE) from error
    # The same process goes on as another program, without what the command line has loaded.
    command = [sys.executable, "-m", PROGRAM, str(config)]
    os.execve(sys.executable, command, {**HEAPS, **os.environ})  # noqa: S606 (no shell)


@app.command()
def check(
    config: ConfigFile,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check a store's configuration and name every wrong key."""
    from edge_agent.config import ConfigError, load

    try:
        checked = load(config, os.environ)
        if missing := list(_missing_models(checked)):
            raise ConfigError(str(config), missing)
    except ConfigError as error:
        tell_problems(error, as_json=as_json)
        raise typer.Exit(2) from error
    if as_json:
        right = {"tenant": checked.tenant, "store": checked.store}
        typer.echo(json.dumps({"file": str(config), "problems": [], **right}))
        return
    typer.echo(f"{config}: store {checked.store} of {checked.tenant} is well configured.")


def _missing_models(config: "AgentConfig") -> Iterator[str]:
    """Yield which cameras name a model that is not on this machine.

    An agent starts without it all the same: the camera alone is out of order.
    """
    from hardware.people.models import ModelError, find_model

    for device in config.devices:
        model = device.options.get("model")
        if device.driver == "people-camera" and isinstance(model, str) and model:
            try:
                find_model(model)
            except ModelError as error:
                yield f"devices[{device.name}].options.model: {error}"


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
        raise refuse("A PIN has 4 to 12 digits.", NOT_POSSIBLE)
    typer.echo(generate_password_hash(pin))
