"""People in a real clip: what one camera costs, beside the best known detector of OpenCV's own.

All of it is processor time of one thread, taken over whole stretches of the clip, decoding
included. The clip and the models are sample data (`STOREBRIDGE_DATA`); without them, nothing is
measured.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.result import Goal, Result, percentile
from hardware.cameras.frames import Frame, Pixels
from hardware.people.model_detector import ModelDetector
from hardware.people.people import PeopleCounter
from hardware.people.zones import ZoneMap
from hardware.readings import Stay

MODEL = "yolox_nano_416x416"
FRAMES_PER_S = 10
# Somebody walks up, stands at the table and leaves: the clip's second visit.
BUSY = (215, 455)
EMPTY = (0, 55)
CAMERA_S = 30
# OpenCV 5 has the peer in its contributed modules only, whose package must not be installed beside
# ours: it is looked for in a folder of its own, named by this variable.
PEER_FOLDER = "STOREBRIDGE_OPENCV_CONTRIB"
PEER = """
import json, sys, time, cv2
cv2.setNumThreads(1)
kind = getattr(cv2, "HOGDescriptor", None) or cv2.xobjdetect.HOGDescriptor
hog = kind()
hog.setSVMDetector(kind.getDefaultPeopleDetector())
clip, first, last, step = sys.argv[1], *map(int, sys.argv[2:])
capture = cv2.VideoCapture(clip)
spent = frames = 0
for number in range(last):
    pixels = capture.read()[1]
    if number >= first and (number - first) % step == 0:
        began = time.process_time()
        hog.detectMultiScale(pixels)
        spent += time.process_time() - began
        frames += 1
print(json.dumps(spent / frames * 1000))
"""


def people(*, frames_max: int = 100_000, peer_every: int = 6) -> Iterable[Result]:
    """Measure one camera that counts people; `frames_max` shortens the clip."""
    data = Path(os.environ.get("STOREBRIDGE_DATA", "../shared/data"))
    clip = data / "video/one-by-one-person-detection.mp4"
    if not clip.exists():
        return
    model = data / f"models/{MODEL}.onnx"
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield _detector(model, clip, peer_every, frames_max)
        yield _share("camera of 768x576 at 10 frames/s, people in view", model, clip, BUSY, 15)
        yield _share("the same, nobody there", model, clip, EMPTY, 3)
        for every in (1, 2):
            yield from _stays(model, clip, every, frames_max)
    finally:
        cv2.setNumThreads(threads)


def _detector(model: Path, clip: Path, peer_every: int, frames_max: int) -> Result:
    last = min(BUSY[1], BUSY[0] + frames_max)
    detector = ModelDetector(model)
    counter = PeopleCounter(_zones(clip), detector)
    spent = frames = 0.0
    for frame in _frames(clip, 0, last):
        if frame.number < BUSY[0]:
            continue
        began = time.process_time()
        counter.see(frame)
        spent += time.process_time() - began
        frames += 1
    peer = _peer_ms(clip, BUSY[0], last, peer_every)
    return Result(
        name="people, a frame, motion to visit",
        value=spent / frames * 1000,
        unit="ms of processor time",
        goal=None if peer is None else Goal(of="ratio", better="at most", number=0.1),
        peer="" if peer is None else "OpenCV's HOG people detector, detection alone",
        peer_value=peer,
    )


def _peer_ms(clip: Path, first: int, last: int, every: int) -> float | None:
    found = os.environ.get(PEER_FOLDER, "")
    here = hasattr(cv2, "HOGDescriptor") or hasattr(cv2, "xobjdetect")
    if not found and not here:
        return None
    done = subprocess.run(
        [sys.executable, "-c", PEER, str(clip), str(first), str(last), str(every)],
        env={**os.environ, "PYTHONPATH": found} if found else None,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout))


def _share(name: str, model: Path, clip: Path, stretch: tuple[int, int], goal: float) -> Result:
    """Return the share of a core, decoding included, at the pace at which the frames come.

    The stretch is played again until half a minute is over; a camera that has just been opened
    loads its model and looks at the whole picture once, which is not counted.
    """
    counter = PeopleCounter(_zones(clip), ModelDetector(model))
    first, last = stretch
    spent = 0.0
    frames = -1
    while frames < CAMERA_S * FRAMES_PER_S:
        capture = cv2.VideoCapture(str(clip))
        for _ in range(first):
            capture.grab()
        for _ in range(first, last):
            began = time.process_time()
            pixels = capture.read()[1]
            tall = cv2.copyMakeBorder(pixels, 0, 144, 0, 0, cv2.BORDER_REPLICATE)
            frames += 1
            counter.see(_frame(np.asarray(tall, np.uint8), frames))
            spent += time.process_time() - began if frames else 0.0
        capture.release()
    return Result(
        name=name,
        value=spent / (frames / FRAMES_PER_S) * 100,
        unit="% of a core",
        goal=Goal(of="value", better="at most", number=goal),
    )


def _stays(model: Path, clip: Path, every: int, frames_max: int) -> Iterator[Result]:
    truth = json.loads((clip.parent / "dwell_truth.json").read_text())
    counter = PeopleCounter(_zones(clip), ModelDetector(model))
    stays = [
        stay
        for frame in _frames(clip, 0, min(int(truth["frames"]), frames_max))
        if frame.number % every == 0
        for stay in counter.see(frame).stays
    ]
    stays += counter.finish().stays
    rate = f"at {FRAMES_PER_S // every} frames/s"
    yield Result(
        name=f"stays found of {len(truth['visits'])}, {rate}",
        value=len(stays),
        unit="stays",
        goal=Goal(of="value", better="at least", number=len(truth["visits"])),
    )
    errors = [
        abs(stay.dwell_ms / 1000 - nearest["dwell_s"])
        for stay in stays
        for nearest in [
            min(truth["visits"], key=lambda visit: abs(visit["enter_s"] - _entered_s(stay)))
        ]
    ]
    if errors:
        yield Result(
            name=f"mean error of a dwell, {rate}",
            value=sum(errors) / len(errors),
            unit="s",
            goal=Goal(of="value", better="at most", number=0.25),
        )
        yield Result(name=f"worst, {rate}", value=percentile(errors, 1.0), unit="s")


def _entered_s(stay: Stay) -> float:
    return stay.entered_mono_ms / 1000


def _zones(clip: Path) -> ZoneMap:
    zone = json.loads((clip.parent / "dwell_truth.json").read_text())["zone"]
    return ZoneMap(zones={"table": tuple((float(x), float(y)) for x, y in zone)})


def _frames(clip: Path, first: int, last: int) -> Iterator[Frame]:
    capture = cv2.VideoCapture(str(clip))
    for number in range(last):
        read, pixels = capture.read()
        if not read:
            break
        if number >= first:
            yield _frame(np.asarray(pixels, np.uint8), number)
    capture.release()


def _frame(pixels: Pixels, number: int) -> Frame:
    return Frame(pixels=pixels, at_mono_ms=number * 1000 // FRAMES_PER_S, number=number)
