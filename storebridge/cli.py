"""The command line: one sub-command a file in `storebridge/commands`."""

from importlib.metadata import version
from typing import Annotated

import typer

from storebridge.commands import (
    agent,
    audience,
    bench,
    camera,
    cloud,
    code,
    connector,
    demo,
    dwell,
    forget,
    funnel,
    guard,
    identity,
    identity_online,
    imports,
    light_stores,
    model,
    points,
    quarantine,
    replay,
    report,
    review,
    scan,
    shopper,
    simulate,
    traits,
    user,
    webhook,
    wire,
)
from storebridge.commands.answers import Answering
from storebridge.endings import run_to_its_end

app = typer.Typer(
    cls=Answering,
    name="storebridge",
    help="Joins a brand's physical stores to its online world.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def tell_version(asked: bool) -> None:
    """Print the version and end, where it was asked for."""
    if asked:
        typer.echo(f"storebridge {version('storebridge')}")
        raise typer.Exit


@app.callback()
def top(
    asked: Annotated[
        bool,
        typer.Option("--version", callback=tell_version, is_eager=True, help="Say which version."),
    ] = False,
) -> None:
    """Join a brand's physical stores to its online world."""


app.command("demo")(demo.demo)
app.add_typer(agent.app, name="agent")
app.add_typer(audience.app, name="audience")
app.add_typer(camera.app, name="camera")
app.add_typer(cloud.app, name="cloud")
app.add_typer(code.app, name="code")
app.add_typer(connector.app, name="connector")
app.add_typer(funnel.app, name="funnel")
identity_online.join(identity.app)
app.add_typer(identity.app, name="identity")
forget.plug_into(shopper.app)
app.add_typer(shopper.app, name="shopper")
app.add_typer(imports.app, name="import")
app.add_typer(simulate.app, name="simulate")
app.add_typer(traits.app, name="traits")
app.add_typer(user.app, name="user")
app.add_typer(points.app, name="points")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(report.app, name="report")
app.add_typer(review.app, name="review")
app.add_typer(webhook.app, name="webhook")
app.add_typer(wire.app, name="wire")
app.add_typer(model.app, name="model")
app.command("replay")(replay.replay)
app.command("scan")(scan.scan)
app.command("dwell")(dwell.dwell)
app.command("bench")(bench.bench)
app.command("guard", hidden=True)(guard.guard)
app.command("light-stores", hidden=True)(light_stores.light_stores)


def main() -> None:
    """Run the command line."""
    run_to_its_end(app)
