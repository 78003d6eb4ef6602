"""`storebridge demo`: a small town that runs the whole product on this machine."""

import json
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from storebridge.commands.answers import refuse

if TYPE_CHECKING:
    from storebridge.demo.demo import Demo

TICK_S = 0.5
DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|min|h)?")
UNITS_S = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def duration_s(text: str) -> float:
    """Read a duration such as `30s`, `2m` or `45`."""
    match = DURATION.fullmatch(text.strip())
    if not match:
        raise typer.BadParameter(f"{text!r} is no duration; write 30s, 2m or 1h")
    return float(match[1]) * UNITS_S[match[2]]


Duration = Annotated[float | None, typer.Option(parser=duration_s, metavar="DURATION")]


def demo(
    for_: Annotated[
        float | None,
        typer.Option("--for", parser=duration_s, metavar="DURATION", help="End after this time."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object.")] = False,
    stores: Annotated[int, typer.Option(min=1, max=4, help="Stores with cameras and kiosk.")] = 2,
    speed: Annotated[float, typer.Option(min=0.1, max=20, help="How fast shoppers come.")] = 1.0,
    cut_after: Annotated[
        float | None,
        typer.Option(parser=duration_s, metavar="DURATION", help="Cut the line after this time…"),
    ] = None,
    cut_for: Annotated[
        float,
        typer.Option(parser=duration_s, metavar="DURATION", help="…and mend it after this."),
    ] = "10s",  # type: ignore[assignment]  # the parser makes a number of it
    camera: Annotated[
        str,
        typer.Option(
            help="A real camera for the first kiosk: a number, an address, a file or folder."
        ),
    ] = "",
    shoppers: Annotated[bool, typer.Option(help="Let simulated shoppers come.")] = True,
    seed: Annotated[int, typer.Option(help="Another seed, other shoppers.")] = 1,
    folder: Annotated[
        Path | None, typer.Option(help="Keep everything in this folder instead of a passing one.")
    ] = None,
) -> None:
    """Run broker, database, cloud, stores, shoppers and a web shop until Ctrl-C."""
    from storebridge.demo.demo import FAILURES, Demo, DemoEnded, DemoOptions
    from storebridge.parent import asked_to_end

    console = Console(stderr=as_json)
    ended = asked_to_end()
    running = Demo(
        DemoOptions(
            stores=stores, speed=speed, seed=seed, shoppers=shoppers, camera=camera, folder=folder
        ),
        ended.is_set,
    )
    try:
        with console.status("Starting broker, database, cloud and stores…"):
            began_s = time.monotonic()
            running.start()
        console.print(f"Ready after {time.monotonic() - began_s:.0f} s.\n")
        if not as_json:
            console.print(addresses(running))
        live(running, console, ended, for_s=for_, cut_after_s=cut_after, cut_for_s=cut_for)
        if as_json or for_ is not None:
            with console.status("Everything recorded is being counted…"):
                result = summary(running)
            typer.echo(json.dumps(result))
    except DemoEnded:
        return
    except FAILURES as error:
        raise refuse(f"The demo ended: {error}") from error
    finally:
        with console.status("Ending every process…"):
            running.close()


def addresses(demo: "Demo") -> Table:
    """Return the four addresses to open, with how to sign in."""
    from storebridge.town import CONSOLE_NAME, STAFF_PIN, TENANT

    town = demo.town
    store = town.stores[0]
    table = Table(show_header=False, box=None, padding=(0, 2))
    # A narrow terminal must not cut an address short: only what is said of it may wrap.
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_row("[bold]stage[/]", town.stage_url, "everything side by side: begin here")
    table.add_row("kiosk", town.kiosk_url(store), "what a shopper sees")
    table.add_row("staff", town.staff_url(store), f"PIN {STAFF_PIN}")
    table.add_row(
        "headquarters",
        town.console_url,
        f"organisation {TENANT}, name {CONSOLE_NAME}, password {town.console_password}",
    )
    return table


def live(
    demo: "Demo",
    console: Console,
    ended: threading.Event,
    *,
    for_s: float | None,
    cut_after_s: float | None,
    cut_for_s: float,
) -> None:
    """Let the town live, cutting the line when it is time, until it is over."""
    began_s = time.monotonic()
    with Live(console=console, refresh_per_second=2, transient=True) as display:
        while not ended.wait(TICK_S):
            demo.check()
            elapsed_s = time.monotonic() - began_s
            if cut_after_s is not None:
                cut = cut_after_s <= elapsed_s < cut_after_s + cut_for_s
                if cut != demo.line_is_cut:
                    (demo.cut_line if cut else demo.restore_line)()
                    if not cut:
                        cut_after_s = None
            if console.is_terminal:
                display.update(picture(demo.figures(), elapsed_s))
            if for_s is not None and elapsed_s >= for_s:
                break
    demo.restore_line()


def picture(figures: dict[str, object], elapsed_s: float) -> Group:
    """Return the live summary."""
    table = Table.grid(padding=(0, 3))
    names = {
        "recorded": "recorded",
        "accepted": "accepted",
        "waiting": "waiting",
        "scans_answered": "scans answered",
        "scan_to_screen_ms": "scan to screen (ms)",
        "offers_shown": "offers shown",
        "redemptions": "redemptions",
        "dwell_events": "stays",
    }
    table.add_row(*(f"[dim]{title}[/]" for title in names.values()))
    table.add_row(*(f"[bold]{figures[name]}[/]" for name in names))
    line = Text("the line is cut", style="bold red") if figures["line_is_cut"] else Text("")
    return Group(table, line, Text(f"{elapsed_s:.0f} s · Ctrl-C ends everything", style="dim"))


def summary(demo: "Demo") -> dict[str, object]:
    """End the town and return its figures."""
    from storebridge.demo.audit import counts_now
    from storebridge.town import TENANT

    demo.end_shoppers()
    demo.drain()
    audit = demo.audit()
    counts = counts_now(demo.dsn, TENANT)
    seen = demo.seen
    return {
        "recorded": audit.recorded,
        "accepted": audit.accepted,
        "lost": audit.lost,
        "doubled": audit.doubled,
        "absent": audit.absent,
        "quarantined": audit.quarantined,
        "online_events": counts["online_events"],
        "scans_shown": seen.shown,
        "scans_answered": seen.answered,
        "scans_answered_while_cut": seen.answered_while_cut,
        "scan_to_screen_ms": percentiles(seen.scan_to_screen_ms),
        "scan_to_coupon_ms": percentiles(seen.scan_to_coupon_ms),
        "offers_shown": counts["offers_shown"],
        "redemptions": counts["redemptions"],
        "dwell_events": counts["dwell_events"],
        "cut_seconds": round(demo.cut_seconds, 1),
        "drained_seconds": demo.drained_seconds and round(demo.drained_seconds, 1),
    }


def percentiles(values: list[float]) -> dict[str, int | None]:
    """Return the median, the 95th and the 99th percentile by nearest rank, None without values."""
    ordered = sorted(values)

    def at(share: float) -> int | None:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else None

    return {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99)}
