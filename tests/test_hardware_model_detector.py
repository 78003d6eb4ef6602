"""The model finds people in a part of the picture as in the whole, and is asked seldom."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from hardware.cameras.frames import Frame, Pixels
from hardware.driver import DeviceError
from hardware.people.detector import Box, overlap
from hardware.people.model_detector import ModelDetector
from hardware.people.people import PeopleCounter
from hardware.people.ration import Part
from hardware.people.yolox import YoloxModel
from hardware.people.zones import ZoneMap
from hardware.readings import Stay


def frames(clip: Path, first: int, last: int) -> Iterator[tuple[int, Pixels]]:
    capture = cv2.VideoCapture(str(clip))
    for number in range(last):
        read, pixels = capture.read()
        if not read:
            break
        if number >= first:
            yield number, np.asarray(pixels, np.uint8)
    capture.release()


def clip_of(sample_data: Path) -> Path:
    return sample_data / "video/one-by-one-person-detection.mp4"


@pytest.mark.parametrize("name", ["yolox_nano_416x416", "light_person_192"])
def test_a_part_shows_whom_the_whole_shows(sample_data: Path, name: str) -> None:
    model = YoloxModel(sample_data / f"models/{name}.onnx")
    ((_, pixels),) = frames(clip_of(sample_data), 150, 151)
    whole = Part(box=Box(left=0, top=0, right=768, bottom=432), scale=416 / 768)
    part = Part(box=Box(left=280, top=0, right=640, bottom=432), scale=192 / 768)
    (one,) = [box for box in model.find(pixels, [whole]) if box.score > 0.4]
    (other,) = [box for box in model.find(pixels, [part]) if box.score > 0.4]
    assert overlap(one, other) > 0.8
    assert model.find(pixels, []) == []


def test_a_file_that_is_no_model_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(DeviceError, match="cannot be used as a model of people"):
        YoloxModel(path)


@pytest.mark.parametrize(("name", "every"), [("yolox_nano_416x416", 1), ("light_person_192", 2)])
def test_the_six_stays_of_the_real_clip_are_timed_to_a_quarter_of_a_second(
    sample_data: Path, name: str, every: int
) -> None:
    truth = json.loads((sample_data / "video/dwell_truth.json").read_text())
    zone = tuple((float(x), float(y)) for x, y in truth["zone"])
    detector = ModelDetector(sample_data / f"models/{name}.onnx")
    counter = PeopleCounter(ZoneMap(zones={"table": zone}), detector)
    stays: list[Stay] = []
    for number, pixels in frames(clip_of(sample_data), 0, 1394):
        if number % every == 0:
            stays += counter.see(Frame(pixels=pixels, at_mono_ms=number * 100, number=number)).stays
    stays += counter.finish().stays
    assert len(stays) == len(truth["visits"]) == 6
    pairs = list(zip(stays, truth["visits"], strict=True))
    dwell = [abs(stay.dwell_ms / 1000 - visit["dwell_s"]) for stay, visit in pairs]
    enter = [abs(stay.entered_mono_ms / 1000 - visit["enter_s"]) for stay, visit in pairs]
    leave = [abs(stay.left_mono_ms / 1000 - visit["leave_s"]) for stay, visit in pairs]
    assert sum(dwell) / 6 <= 0.25
    assert sum(enter) / 6 <= 0.25
    assert sum(leave) / 6 <= 0.25


def test_an_empty_shop_costs_next_to_nothing(sample_data: Path) -> None:
    detector = ModelDetector(sample_data / "models/yolox_nano_416x416.onnx")
    ((_, empty),) = frames(clip_of(sample_data), 10, 11)
    looks = 0
    began_s = time.process_time()
    for number in range(300):
        looks += bool(
            detector.look(Frame(pixels=empty, at_mono_ms=number * 100, number=number), ()).looked
        )
    assert looks <= 3
    assert (time.process_time() - began_s) / 30 < 0.03
