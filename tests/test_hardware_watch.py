"""A camera's condition is reported when it changes, and only then."""

from pathlib import Path

import numpy as np
import pytest

from hardware.cameras.camera import FolderSource
from hardware.cameras.frames import Frame, FrameError, FrameSlot
from hardware.cameras.watch import Watch
from hardware.driver import DeviceError
from hardware.readings import HealthReading

GREY = np.random.default_rng(0).integers(80, 160, (48, 64, 3), np.uint8)
BLACK = np.zeros((48, 64, 3), np.uint8)


class Played:
    """A live source that gives what it was told: a frame, nothing, or a failure."""

    def __init__(self, *steps: Frame | Exception | None) -> None:
        self.steps = list(steps)

    def open(self) -> None:
        return

    def take(self, timeout_s: float) -> Frame | None:
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def close(self) -> None:
        return


def frame(pixels: np.ndarray, at_ms: int) -> Frame:
    return Frame(pixels=pixels, at_mono_ms=at_ms, number=1)


def conditions(watch: Watch, looks: int) -> list[tuple[str, str]]:
    said: list[HealthReading] = []
    for _ in range(looks):
        said += watch.look(0)[1]
    return [(reading.condition, reading.reason) for reading in said]


def test_a_black_picture_is_reported_once_and_once_when_it_ends() -> None:
    steps = [frame(GREY, 0), *(frame(BLACK, at) for at in range(100, 5000, 100)), frame(GREY, 5000)]
    watch = Watch(Played(*steps))
    watch.open()
    assert conditions(watch, len(steps)) == [("degraded", "black"), ("ok", "")]


def test_a_blink_is_not_black() -> None:
    steps = [frame(BLACK, 0), frame(BLACK, 2000), frame(GREY, 2100), frame(BLACK, 4000)]
    watch = Watch(Played(*steps))
    watch.open()
    assert conditions(watch, 4) == []


def test_a_camera_without_frames_is_stalled_until_they_return() -> None:
    watch = Watch(Played(*[None] * 3_000_000), stall_ms=1)
    watch.open()
    said: list[HealthReading] = []
    while not said:
        said = watch.look(0)[1]
    assert (said[0].condition, said[0].reason) == ("failed", "stalled")
    assert conditions(watch, 10) == []
    watch._source = Played(frame(GREY, 0))  # it is back
    assert conditions(watch, 1) == [("ok", "")]


def test_a_slot_may_rest() -> None:
    watch = Watch(FrameSlot(), stall_ms=1)
    watch.open()
    assert conditions(watch, 100) == []


def test_an_unreadable_image_is_reported_and_the_next_one_ends_it() -> None:
    watch = Watch(Played(FrameError("broken"), FrameError("broken"), frame(GREY, 1)))
    watch.open()
    assert conditions(watch, 3) == [("degraded", "unreadable-image"), ("ok", "")]


def test_the_end_of_a_folder_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    watch = Watch(FolderSource(tmp_path, every_ms=0, loop=False))
    watch.open()
    assert conditions(watch, 5) == [("degraded", "unreadable-image"), ("ok", "ended")]


def test_a_lost_camera_is_the_drivers_to_report() -> None:
    watch = Watch(Played(DeviceError("unplugged")))
    watch.open()
    with pytest.raises(DeviceError, match="unplugged"):
        watch.look(0)
