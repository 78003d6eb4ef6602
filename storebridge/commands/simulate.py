"""`storebridge simulate`: play the delivery protocol under faults, by seed."""

import json
import time
from collections import Counter
from typing import Annotated

import typer

from storebridge.simulation.rules import Rules
from storebridge.simulation.world import World

app = typer.Typer(help="Play protocols under faults, by seed.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Play protocols under faults, by seed."""


@app.command()
def delivery(
    seeds: Annotated[int, typer.Option(min=1, help="How many schedules to play.")] = 1_000,
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the last line only; failures go to stderr.")
    ] = False,
) -> None:
    """Play schedules of faults and tell whether an event was lost or doubled.

    Ends with one JSON object: schedules, failed, lost, doubled, per_second (of one core's time)
    and the faults that struck. Exits with 1 when a schedule failed; its seed is printed.
    """
    failed = lost = doubled = 0
    faults: Counter[str] = Counter()
    began_s = time.process_time()
    for seed in range(first, first + seeds):
        world = World(seed, Rules())
        findings = world.run()
        faults += world.faults
        if not findings.clean:
            failed += 1
            lost += len(findings.lost)
            doubled += len(findings.doubled)
            typer.echo(f"seed {seed} failed: {findings.summary}", err=as_json)
        elif not as_json and (seed - first + 1) % 1_000 == 0:
            typer.echo(f"{seed - first + 1} schedules played, {failed} failed")
    spent_s = time.process_time() - began_s
    typer.echo(
        json.dumps(
            {
                "schedules": seeds,
                "failed": failed,
                "lost": lost,
                "doubled": doubled,
                "per_second": round(seeds / spent_s, 1),
                "faults": dict(sorted(faults.items())),
            }
        )
    )
    if failed:
        raise typer.Exit(1)
