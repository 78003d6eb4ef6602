"""`storebridge guard`: watches over the demo's servers (a hidden command)."""

import os
from pathlib import Path
from typing import Annotated

import typer

from storebridge.parent import STANDARD_INPUT


def guard(
    folder: Annotated[Path, typer.Argument(help="The demo's folder.")],
    passing: Annotated[
        bool, typer.Option("--passing/--keep", help="Take the folder away.")
    ] = False,
) -> None:
    """Wait until the demo is gone; if it could not end us first, end what it left behind."""
    from storebridge.demo.guard import clean_up

    while os.read(STANDARD_INPUT, 64):
        pass
    clean_up(folder, passing=passing)
