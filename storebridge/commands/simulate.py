"""`storebridge simulate`: play the delivery protocol under faults, by seed."""

import gc
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Annotated

import typer

from cloud_sync.database import Database
from storebridge.commands.answers import Answering
from storebridge.simulation.real import a_database, real_rules
from storebridge.simulation.rules import Rules
from storebridge.simulation.truth import Findings
from storebridge.simulation.world import World

SEEDS, REAL_SEEDS = 1_000, 20
TOLD_EVERY = 1_000
# Schedules between two collections of garbage, of which they leave little: a world is dismantled.
COLLECT_EVERY = 50

app = typer.Typer(cls=Answering, help="Play protocols under faults, by seed.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Play protocols under faults, by seed."""


@app.command()
def delivery(
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="How many schedules to play [default: 1000, 20 with --real]."),
    ] = None,
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    real: Annotated[
        bool, typer.Option("--real", help="Play over real SQLite files and a real PostgreSQL.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the last line only; failures go to stderr.")
    ] = False,
) -> None:
    """Play schedules of faults and tell whether an event was lost or doubled.

    Ends with one JSON object: schedules, failed, lost, doubled, per_second (of one core's time)
    and the faults that struck. Exits with 1 when a schedule failed; its seed is printed.
    """
    seeds = seeds or (REAL_SEEDS if real else SEEDS)
    failed = lost = doubled = 0
    faults: Counter[str] = Counter()
    with ExitStack() as stack:
        database = stack.enter_context(a_database()) if real else None
        stack.enter_context(seldom_collected())
        began_s = time.process_time()
        for seed in range(first, first + seeds):
            if (seed - first) % COLLECT_EVERY == 0:
                gc.collect()
            findings = _play(seed, database, faults)
            if not findings.clean:
                failed += 1
                lost += len(findings.lost)
                doubled += len(findings.doubled)
                typer.echo(f"seed {seed} failed: {findings.summary}", err=as_json)
            elif not as_json and (seed - first + 1) % TOLD_EVERY == 0:
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


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Leave the collection of garbage to the caller: looking for it takes a tenth of a schedule."""
    gc.disable()
    # Nor need the program itself be looked through each time.
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


def _play(seed: int, database: Database | None, faults: Counter[str]) -> Findings:
    """Play one schedule, in memory or over a real database, and count the faults that struck."""
    with real_rules(database) if database else nullcontext(Rules()) as rules:
        world = World(seed, rules)
        findings = world.run()
    faults += world.faults
    world.dismantle()
    return findings
