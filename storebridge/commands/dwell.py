"""`storebridge dwell`: counts the people of a video: stays in zones, passages over lines."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from storebridge.named_file import is_folder

if TYPE_CHECKING:
    from hardware.cameras.frames import Frame
    from hardware.people.people import PeopleCounter
    from hardware.people.zones import ZoneMap
    from hardware.readings import PeopleReading
    from storebridge.audit_clip import AuditClip

app = typer.Typer()

FRAME_TIMEOUT_S = 10.0


@app.command()
def dwell(
    video: Annotated[Path, typer.Argument(help="A video file.", readable=False)],
    zones: Annotated[Path, typer.Option(help="Zones and lines, TOML or JSON.", readable=False)],
    model: Annotated[
        str, typer.Option(help="Name or path of a model of people; without, the fallback sees.")
    ] = "",
    audit: Annotated[
        Path | None,
        typer.Option(help="Write a copy of the video with boxes, zones and counts drawn into it."),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(help="Frames a second, where the file does not say or is wrong."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure how long people stand in the zones of a video, and how many pass its lines."""
    from hardware.driver import DeviceError
    from hardware.people.zone_file import ZoneFileError, read_zone_file

    try:
        result = measure(video, read_zone_file(zones), model, audit, fps)
    except (DeviceError, ZoneFileError, ValueError) as error:
        if as_json:
            typer.echo(json.dumps({"error": str(error)}, ensure_ascii=False))
        typer.echo(f"Nothing was measured: {error}", err=True)
        raise typer.Exit(2) from None
    if "fps_assumed" in result:
        typer.echo(
            f"{video.name} does not say how many frames a second it has: {result['fps_assumed']} "
            "are assumed, and every time depends on it; tell them with --fps",
            err=True,
        )
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else _text(result))


def measure(
    video: Path,
    zones: "ZoneMap",
    model: str = "",
    audit: Path | None = None,
    fps: float | None = None,
) -> dict[str, object]:
    """Return what a counter sees in a video, every frame of it, ready to be printed.

    With `fps` the frames are so many a second, whatever the file says. `fps_assumed` is there only
    where neither says it.

    Raises DeviceError when the video cannot be played, or the model or audit file not be used, and
    ValueError for zones outside its picture.
    """
    from hardware.cameras.camera import FRAMES_PER_S_MAX, frames_per_s, says_its_rate
    from hardware.driver import DeviceError
    from hardware.people.detectors import detector_for
    from hardware.people.people import PeopleCounter

    _refuse_unreadable(video)
    if fps is not None and not 0 < fps <= FRAMES_PER_S_MAX:
        raise ValueError(f"--fps: expects more than 0 and at most {FRAMES_PER_S_MAX:.0f}")
    if audit is not None and _is_same(audit, video):
        raise DeviceError(f"{audit} is the video itself: name another file for the audit")
    detector = detector_for(model)
    counter = PeopleCounter(zones, detector)
    began_cpu_s = time.process_time()
    clip = _audit_clip(video, zones, audit, fps)
    times_ms, readings = _played(video, zones, counter, clip, fps)
    cpu_s = time.process_time() - began_cpu_s
    assumed = {} if fps or says_its_rate(video) else {"fps_assumed": frames_per_s(video)}
    lasted_s = (times_ms[-1] - times_ms[0]) / 1000 if times_ms else 0.0
    return {
        "frames": len(times_ms),
        "fps": round((len(times_ms) - 1) / lasted_s, 3) if lasted_s else 0.0,
        "cpu_s": round(cpu_s, 3),
        "detector": f"{detector.name} (fallback)" if detector.fallback else detector.name,
        "footfall": {name: _footfall(name, readings) for name in zones.lines},
        "zones": {name: _visits(name, readings, times_ms) for name in zones.zones},
        **assumed,
    }


def _refuse_unreadable(video: Path) -> None:
    """Raise DeviceError for what is no file, or may not be read."""
    from hardware.driver import DeviceError

    if is_folder(video):
        raise DeviceError(f"{video} is a folder: name one video file")
    try:
        with video.open("rb"):
            return
    except FileNotFoundError as error:
        raise DeviceError(f"{video} does not exist") from error
    except OSError as error:
        raise DeviceError(f"{video} cannot be read: {error.strerror}") from error


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two names lead to one file; one that cannot be looked at is another."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def _audit_clip(
    video: Path, zones: "ZoneMap", audit: Path | None, fps: float | None
) -> "AuditClip | None":
    if audit is None:
        return None
    from hardware.cameras.camera import frames_per_s
    from storebridge.audit_clip import AuditClip

    return AuditClip(audit, fps or frames_per_s(video), zones)


def _check(zones: "ZoneMap", frame: "Frame") -> None:
    """Raise ValueError for zones and lines that no picture of this size can show."""
    from hardware.people.zones import out_of_sight

    height, width = frame.pixels.shape[:2]
    if names := out_of_sight(zones, (width, height)):
        raise ValueError(
            f"outside the picture of {width}x{height} pixels: {', '.join(names)}; "
            "corners are in pixels of the video"
        )


def _played(
    video: Path,
    zones: "ZoneMap",
    counter: "PeopleCounter",
    clip: "AuditClip | None",
    fps: float | None,
) -> "tuple[list[int], list[PeopleReading]]":
    """Return the time of each frame of a video, and what was counted in it and at its end."""
    from hardware.cameras.camera import CaptureSource
    from hardware.cameras.frames import SourceEndedError
    from hardware.driver import DeviceError

    source = CaptureSource(str(video), real_time=False, frames_per_s=fps)
    readings: list[PeopleReading] = []
    times_ms: list[int] = []
    console = Console(stderr=True)
    columns = (TextColumn("{task.completed:.0f} frames"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        source.open()
        try:
            while (frame := source.take(FRAME_TIMEOUT_S)) is not None:
                if not times_ms:
                    _check(zones, frame)
                times_ms.append(frame.at_mono_ms)
                readings.append(counter.see(frame))
                if clip is not None:
                    clip.add(frame.pixels, counter.tracks, readings[-1])
                progress.advance(task)
            raise DeviceError(f"the video {video.name} gave no frame for {FRAME_TIMEOUT_S:.0f} s")
        except SourceEndedError:
            readings.append(counter.finish())
        finally:
            source.close()
            if clip is not None:
                clip.close()
    return times_ms, readings


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
