"""`storebridge dwell`: counts the people of a video: stays in zones, passages over lines."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from hardware.readings import PeopleReading
    from hardware.zones import ZoneMap

app = typer.Typer()

FRAME_TIMEOUT_S = 10.0


@app.command()
def dwell(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    zones: Annotated[Path, typer.Option(help="Zones and lines, as TOML or JSON.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure how long people stand in the zones of a video, and how many pass its lines."""
    from hardware.driver import DeviceError
    from hardware.zone_file import ZoneFileError, read_zone_file

    try:
        result = measure(video, read_zone_file(zones))
    except (DeviceError, ZoneFileError, ValueError) as error:
        typer.echo(f"Nothing was measured: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else _text(result))


def measure(video: Path, zones: "ZoneMap") -> dict[str, object]:
    """Return what the built-in counter sees in a video, every frame of it, ready to be printed.

    Raises DeviceError when the video cannot be played.
    """
    from hardware.camera import CaptureSource
    from hardware.detectors import DETECTORS
    from hardware.driver import DeviceError
    from hardware.frames import SourceEndedError
    from hardware.people import PeopleCounter

    if not video.is_file():
        raise DeviceError(f"there is no file {video}")
    source = CaptureSource(str(video), real_time=False)
    detector = DETECTORS["background"]()
    counter = PeopleCounter(zones, detector)
    readings: list[PeopleReading] = []
    times_ms: list[int] = []
    began_cpu_s = time.process_time()
    console = Console(stderr=True)
    columns = (TextColumn("{task.completed:.0f} frames"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        source.open()
        try:
            while (frame := source.take(FRAME_TIMEOUT_S)) is not None:
                times_ms.append(frame.at_mono_ms)
                readings.append(counter.see(frame))
                progress.advance(task)
            raise DeviceError(f"the video {video.name} gave no frame for {FRAME_TIMEOUT_S:.0f} s")
        except SourceEndedError:
            readings.append(counter.finish())
        finally:
            source.close()
    cpu_s = time.process_time() - began_cpu_s
    lasted_s = (times_ms[-1] - times_ms[0]) / 1000 if times_ms else 0.0
    return {
        "frames": len(times_ms),
        "fps": round((len(times_ms) - 1) / lasted_s, 3) if lasted_s else 0.0,
        "cpu_s": round(cpu_s, 3),
        "detector": f"{detector.name} (fallback)" if detector.fallback else detector.name,
        "footfall": {name: _footfall(name, readings) for name in zones.lines},
        "zones": {name: _visits(name, readings, times_ms) for name in zones.zones},
    }


def _footfall(line: str, readings: "list[PeopleReading]") -> dict[str, int]:
    passed = [one for reading in readings for one in reading.passages if one.line == line]
    return {
        "in": sum(passage.people_in for passage in passed),
        "out": sum(passage.people_out for passage in passed),
    }


def _visits(zone: str, readings: "list[PeopleReading]", times_ms: list[int]) -> dict[str, object]:
    stays = [stay for reading in readings for stay in reading.stays if stay.zone == zone]
    stays.sort(key=lambda stay: (stay.entered_mono_ms, stay.left_mono_ms))
    return {
        "visits": [
            {
                "enter_s": (stay.entered_mono_ms - times_ms[0]) / 1000,
                "leave_s": (stay.left_mono_ms - times_ms[0]) / 1000,
                "dwell_s": stay.dwell_ms / 1000,
            }
            for stay in stays
        ],
        "person_seconds": sum(stay.dwell_ms for stay in stays) / 1000,
    }


def _text(result: dict[str, object]) -> str:
    lines = [f"{result['frames']} frames at {result['fps']} a second, seen by {result['detector']}"]
    footfall, zones = result["footfall"], result["zones"]
    if isinstance(footfall, dict):
        lines += [f"{name}: {ways['in']} in, {ways['out']} out" for name, ways in footfall.items()]
    if isinstance(zones, dict):
        for name, zone in zones.items():
            lines.append(f"{name}: {len(zone['visits'])} visits, {zone['person_seconds']:.1f} s")
            lines += [
                f"  {visit['enter_s']:8.1f} to {visit['leave_s']:8.1f}: {visit['dwell_s']:6.1f} s"
                for visit in zone["visits"]
            ]
    return "\n".join(lines)
