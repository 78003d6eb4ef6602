"""`storebridge bench`: ours beside peers and limits, measured in one run on this machine."""

import json
import platform
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from storebridge.commands.answers import NOT_POSSIBLE, refuse

app = typer.Typer()

HOLDS = {True: "yes", False: "[bold red]no[/]", None: ""}


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    import os

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "machine": platform.machine(),
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load_1min": round(os.getloadavg()[0], 2),
    }


@app.command()
def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which ones; all when none named.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each figure.")
    ] = False,
) -> None:
    """Measure side by side with peers and limits, and say whether each goal holds."""
    try:
        from benchmarks import BENCHMARKS
    except ImportError:
        raise refuse(
            "The benchmarks are part of the source checkout; run this there.", NOT_POSSIBLE
        ) from None
    chosen = list(names or BENCHMARKS)
    if unknown := sorted(set(chosen) - set(BENCHMARKS)):
        raise refuse(
            f"No benchmark is called {', '.join(unknown)}. There are: {', '.join(BENCHMARKS)}.",
            NOT_POSSIBLE,
        )
    console = Console(stderr=True)
    console.print(f"[dim]measured on {json.dumps(machine())}[/dim]", highlight=False)
    table = Table("name", "value", "unit", "goal", "peer", "peer value", "ratio", "holds")
    missed = False
    with Progress(console=console, transient=True, disable=as_json) as progress:
        task = progress.add_task("", total=len(chosen))
        for name in chosen:
            progress.update(task, description=name)
            for result in BENCHMARKS[name]():
                line = result.as_json()
                missed = missed or line["holds"] is False
                if as_json:
                    typer.echo(json.dumps(line, ensure_ascii=False))
                cells = [
                    line[key] for key in ("name", "value", "unit", "goal", "peer", "peer_value")
                ]
                table.add_row(
                    *("" if cell is None else str(cell) for cell in cells),
                    "" if line["ratio"] is None else f"{line['ratio']}",
                    HOLDS[result.holds],
                )
            progress.advance(task)
    if not as_json:
        Console().print(table)
    raise typer.Exit(1 if missed else 0)
