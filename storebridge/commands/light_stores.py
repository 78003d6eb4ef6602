"""`storebridge light-stores`: the small stores of the demo, in one process (a hidden command)."""

import logging
from pathlib import Path
from typing import Annotated

import typer


def light_stores(plan: Annotated[Path, typer.Argument(help="The demo's plan.")]) -> None:
    """Run the demo's light stores until asked to end."""
    from storebridge.demo.light_stores import read_plan, run
    from storebridge.parent import asked_to_end

    logging.basicConfig(level=logging.WARNING)
    ended = asked_to_end()
    run(read_plan(plan), ended)
