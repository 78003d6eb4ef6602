"""Looks through a camera for a while, and says in words what is wrong with it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from hardware.cameras.address import parse_address
from hardware.cameras.frames import AwayError, Frame, FrameError, FrameSource, SourceEndedError
from hardware.cameras.look import Look, look_at
from hardware.clock import mono_ms
from hardware.driver import DeviceError

# What a picture needs for codes and people; each is said with what to do about it.
FRAMES_PER_S_MIN = 5.0
AGE_MS_MAX = 1_000
WIDTH_MIN = 480
DARK_BELOW, BRIGHT_ABOVE = 40.0, 225.0
CONTRAST_MIN = 12.0
SHARPNESS_MIN = 0.25
# The first frame may take this long: a camera is opened, and FFmpeg loaded.
FIRST_S_MAX = 10.0
LOOK_EVERY_S = 0.25


@dataclass(slots=True)
class Seen:
    """What a camera gave: the times of its frames and their ages (ms), and looks at some."""

    at_ms: list[int] = field(default_factory=list)
    ages_ms: list[int] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    skipped: int = 0
    failure: str = ""
    ended: bool = False

    @property
    def frames_per_s(self) -> float:
        """Return how many frames came in a second."""
        lasted_ms = self.at_ms[-1] - self.at_ms[0] if self.at_ms else 0
        return (len(self.at_ms) - 1) * 1000 / lasted_ms if lasted_ms else 0.0

    def add(self, frame: Frame, now_ms: int) -> None:
        """Take a frame."""
        height, width = frame.pixels.shape[:2]
        self.size = (width, height)
        if not self.at_ms or now_ms - self.at_ms[0] >= len(self.looks) * LOOK_EVERY_S * 1000:
            self.looks.append(look_at(frame.pixels))
        self.at_ms.append(frame.at_mono_ms)
        self.ages_ms.append(max(0, now_ms - frame.at_mono_ms))


def watch_for(source: FrameSource, time_s: float) -> Seen:
    """Look through a source for so long from its first frame on, and close it."""
    seen = Seen()
    until_s = time.monotonic() + FIRST_S_MAX
    try:
        source.open()
        while time.monotonic() < until_s:
            try:
                frame = source.take(0.2)
            except FrameError:
                seen.skipped += 1
                continue
            if frame is None:
                continue
            if not seen.at_ms:
                until_s = time.monotonic() + time_s
            seen.add(frame, mono_ms())
    except (AwayError, DeviceError) as error:
        seen.failure = str(error)
    except SourceEndedError:
        seen.ended = True
    finally:
        source.close()
    return seen


def report(seen: Seen) -> dict[str, object]:
    """Return the figures and what is wrong, ready to be printed."""
    sharp = [look.sharpness for look in seen.looks if look.sharpness is not None]
    width, height = seen.size
    return {
        "frames": len(seen.at_ms),
        "frames_per_s": round(seen.frames_per_s, 1),
        "age_ms": {"median": int(median(seen.ages_ms)), "max": max(seen.ages_ms)}
        if seen.ages_ms
        else None,
        "width": width,
        "height": height,
        "brightness": _middle([look.brightness for look in seen.looks]),
        "contrast": _middle([look.contrast for look in seen.looks]),
        "sharpness": _middle(sharp),
        "wrong": list(faults(seen)),
    }


def faults(seen: Seen) -> Iterator[str]:
    """Yield what is wrong, one sentence each, and what to do."""
    if seen.failure:
        end = "" if seen.failure.endswith("?") else "."
        yield f"{seen.failure[:1].upper()}{seen.failure[1:]}{end}"
    if seen.skipped:
        yield f"{seen.skipped} pictures cannot be read."
    if not seen.at_ms:
        if not seen.failure:
            yield "It gave no picture: is it switched on, and free?"
        return
    yield from _in_time(seen)
    yield from _picture(seen)


def _in_time(seen: Seen) -> Iterator[str]:
    if len(seen.at_ms) > 1 and seen.frames_per_s < FRAMES_PER_S_MIN:
        yield (
            f"It gives {seen.frames_per_s:.1f} pictures a second; people and codes need at least "
            f"{FRAMES_PER_S_MIN:.0f}: raise its rate, or give it more light."
        )
    if max(seen.ages_ms) > AGE_MS_MAX:
        yield (
            f"Its pictures come up to {max(seen.ages_ms) / 1000:.1f} s late: lower its size or "
            "rate, or look at the network."
        )
    if len(seen.looks) > 2 and len({look.columns.tobytes() for look in seen.looks}) == 1:
        yield "It gives the same picture again and again: switch it off and on."


def _picture(seen: Seen) -> Iterator[str]:
    if seen.size[0] < WIDTH_MIN:
        yield f"Its pictures are {seen.size[0]} pixels wide: set it to {WIDTH_MIN} at least."
    brightness = median(look.brightness for look in seen.looks)
    contrast = median(look.contrast for look in seen.looks)
    sharp = [look.sharpness for look in seen.looks if look.sharpness is not None]
    if brightness < DARK_BELOW:
        yield "Its picture is dark: switch the light on, or take off what covers it."
    elif brightness > BRIGHT_ABOVE:
        yield "Its picture is too bright: turn it away from the lamp or window."
    elif contrast < CONTRAST_MIN:
        yield "Its picture shows next to nothing: is something before the lens?"
    elif not sharp or median(sharp) < SHARPNESS_MIN:
        yield "Its picture is blurred: clean the lens, or focus it."


def title_of(source: str) -> str:
    """Name a source without a password."""
    return parse_address(source).title if "://" in source else source


def _middle(values: list[float]) -> float | None:
    return round(median(values), 2) if values else None
