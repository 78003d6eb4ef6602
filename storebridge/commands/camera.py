"""`storebridge camera`: finds cameras, looks through one, and draws its zones."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from storebridge.commands.answers import NOT_POSSIBLE, Answering, refuse

if TYPE_CHECKING:
    from hardware.cameras.frames import FrameSource

app = typer.Typer(
    cls=Answering, help="Cameras: find them, look through one, draw zones.", no_args_is_help=True
)

SOURCE = "A camera number or /dev path, an rtsp:// or http:// address, a video, or a folder."
WRONG = 1

Source = Annotated[str, typer.Argument(help=SOURCE, show_default=False)]


@app.command("list")
def list_cameras(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List the cameras that are plugged into this machine, and the sizes of their pictures."""
    from hardware.cameras.plugged_list import plugged_cameras

    cameras = plugged_cameras()
    if as_json:
        typer.echo(json.dumps([asdict(camera) for camera in cameras], ensure_ascii=False))
        return
    if not cameras:
        typer.echo("No camera is plugged into this machine.")
    for camera in cameras:
        sizes = ", ".join(f"{width}x{height}" for width, height in camera.sizes)
        about = f"cannot be asked: {camera.problem}" if camera.problem else sizes
        typer.echo(f"{camera.source}  {camera.name}  {about}")


@app.command("test")
def look(
    source: Source,
    time_s: Annotated[float, typer.Option("--for", min=0.5, max=600, help="Seconds.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Look through a camera, and say in words what is wrong; ends with 1 where something is."""
    from storebridge.camera_check import report, title_of, watch_for

    opened = _source(source)
    result = {"source": title_of(source), **report(watch_for(opened, time_s))}
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else _text(result))
    if result["wrong"]:
        raise typer.Exit(WRONG)


@app.command()
def zones(
    source: Source,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 0,
) -> None:
    """Show a still of a camera on a page of this machine, and draw zones and lines over it."""
    from hardware.cameras.frames import AwayError, FrameError, SourceEndedError
    from hardware.driver import DeviceError
    from storebridge.drawing.still import serve_still, take_still

    try:
        still = take_still(_source(source))
    except (AwayError, DeviceError, FrameError, SourceEndedError) as error:
        raise refuse(f"There is no picture to draw on: {error}", NOT_POSSIBLE) from None
    typer.echo("The still is kept in memory only, and gone when this ends (Ctrl-C).")
    serve_still(still, port, typer.echo)


def _source(source: str) -> "FrameSource":
    from hardware.cameras.camera import make_source

    try:
        return make_source(source)
    except ValueError as error:
        raise refuse(str(error), NOT_POSSIBLE) from None


def _text(result: dict[str, object]) -> str:
    lines = [f"{result['source']}: {result['frames']} pictures"]
    if result["frames"]:
        age = result["age_ms"]
        late = f"{age['median']} ms old" if isinstance(age, dict) else ""
        size = f"{result['width']}x{result['height']}"
        light = f"brightness {result['brightness']} of 255, contrast {result['contrast']}"
        lines = [
            f"{result['source']}: {size}, {result['frames_per_s']} a second, {late}",
            f"{light}, sharpness {result['sharpness']} of 1",
        ]
    wrong = result["wrong"]
    lines += wrong if isinstance(wrong, list) and wrong else ["Nothing is wrong with it."]
    return "\n".join(lines)
