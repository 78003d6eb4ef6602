"""Whatever a picture does to a decoder costs one frame, and the lane reads on."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import segno

from hardware.cameras.frames import FrameSlot, Pixels
from hardware.cameras.images import read_image, to_grey
from hardware.codes.barcode_camera import BarcodeCamera, BarcodeCameraOptions
from hardware.codes.child_decoder import FRAME_S_MAX, START_WAIT_S_MAX, ChildDecoder
from hardware.codes.decoder import SYMBOLOGIES_DEFAULT, Decoded
from hardware.codes.decoders import DECODERS
from hardware.codes.decoding_answers import CODES_PER_FRAME_MAX
from hardware.codes.warm_up import warm_up_pictures
from hardware.driver import DeviceError
from hardware.readings import CodeReading, HealthReading

ROOT = Path(__file__).parent.parent
TABLE = "tests.hostile_decoders:HOSTILE_DECODERS"
GOES_ON_S_MAX = 1.0
# What the tests' own machine may be late by, where many tests share two processors.
LATE_S_MAX = 10.0
# How long a frame may take where something else than the time is looked at.
PATIENT_S = 20.0


def picture(payload: str) -> Pixels:
    return drawn(segno.make_qr(payload, mode="byte"))


def drawn(code: segno.QRCode) -> Pixels:
    modules = np.where(np.array([list(row) for row in code.matrix], bool), 0, 255)
    return np.kron(np.pad(modules, 4, constant_values=255), np.ones((5, 5))).astype(np.uint8)


def mutated(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a picture of which some is lost: stripes, specks, a part moved, a part left out."""
    spoilt = picture.copy()
    height, width = spoilt.shape
    for _ in range(rng.integers(1, 4)):
        top, left = rng.integers(0, height), rng.integers(0, width)
        part = spoilt[top : top + rng.integers(1, height), left : left + rng.integers(1, width)]
        part[...] = rng.choice([part ^ 0xFF, part[::-1], part & rng.integers(0, 255), part * 0])
    speckled = rng.random(spoilt.shape) < rng.choice([0, 0.01, 0.2])
    spoilt[speckled] = rng.integers(0, 256)
    return spoilt[: rng.integers(1, height + 1), : rng.integers(1, width + 1)]


@pytest.fixture
def decoder() -> Iterator[ChildDecoder]:
    decoder = ChildDecoder("hostile", ["QR"], table=TABLE)
    decoder.open()
    yield decoder
    decoder.close()


@pytest.fixture
def patient() -> Iterator[ChildDecoder]:
    """A decoder that a busy machine does not let hang."""
    decoder = ChildDecoder("hostile", ["QR"], table=TABLE, frame_s_max=PATIENT_S)
    decoder.open()
    yield decoder
    decoder.close()


def decoded(decoder: ChildDecoder, payload: str) -> bytes:
    """Show a code until it is read, as a camera would, and return what was read."""
    until = time.monotonic() + GOES_ON_S_MAX + LATE_S_MAX
    while time.monotonic() < until:
        for code in decoder.decode(picture(payload)):
            return code.data
        time.sleep(0.02)
    raise AssertionError(f"{payload} was not read: {dict(decoder.figures)}")


def codes_in(decoder: ChildDecoder, grey: Pixels) -> list[Decoded]:
    """Return the codes in a picture; given again while the decoder is not ready for it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        before = decoder.figures["decoded"]
        codes = decoder.decode(grey)
        if decoder.figures["decoded"] > before:
            return list(codes)
        time.sleep(0.1)
    raise AssertionError(f"a picture was never decoded: {dict(decoder.figures)}")


def has_ended(process: psutil.Process | str) -> bool:
    """Tell whether a process is gone, or nothing but an entry that its parent has not taken yet."""
    try:
        process = psutil.Process(int(process)) if isinstance(process, str) else process
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@pytest.mark.parametrize("act", ["hang", "sleep"])
def test_a_picture_that_hangs_the_decoder_costs_one_frame(decoder: ChildDecoder, act: str) -> None:
    assert decoded(decoder, "good 1") == b"good 1"
    before = decoder.figures["decoder_hangs"]
    began = time.monotonic()
    assert decoder.decode(picture(f"hostile:{act}")) == ()
    assert time.monotonic() - began < FRAME_S_MAX + START_WAIT_S_MAX + LATE_S_MAX
    assert decoder.figures["decoder_hangs"] == before + 1
    assert decoded(decoder, "good 2") == b"good 2"


@pytest.mark.parametrize("act", ["crash", "raise", "eat", "flood", "forge"])
def test_a_picture_that_ends_the_decoder_or_makes_it_lie_costs_one_frame(
    patient: ChildDecoder, act: str
) -> None:
    assert decoded(patient, "good 1") == b"good 1"
    assert patient.decode(picture(f"hostile:{act}")) == ()
    assert patient.figures["decoder_crashes"] == 1
    assert decoded(patient, "good 2") == b"good 2"


def test_a_child_can_only_read_pictures_and_answer(decoder: ChildDecoder, tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"
    file.write_bytes(b"all the events")
    assert decoded(decoder, f"hostile:escape:{file}") == b"ways out: "
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert file.read_bytes() == b"all the events"


def test_a_child_that_answers_too_much_is_cut_short(patient: ChildDecoder) -> None:
    codes = patient.decode(picture("hostile:many"))
    assert 0 < len(codes) <= CODES_PER_FRAME_MAX
    assert decoded(patient, "good") == b"good"


def test_what_is_logged_of_a_failure_is_no_word_of_the_code(
    patient: ChildDecoder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(6):
            patient.decode(picture("hostile:raise"))
            decoded(patient, "good")
    told = [record.message for record in caplog.records]
    assert len(told) == 1
    assert "UnicodeError" in told[0]
    assert "secret" not in caplog.text


def test_a_picture_held_up_that_always_fails_does_not_take_a_whole_processor(
    decoder: ChildDecoder,
) -> None:
    began = time.monotonic()
    took_s = 0.0
    while took_s < 4.0 or (decoder.figures["decoder_hangs"] < 3 and took_s < 60):
        decoder.decode(picture("hostile:hang"))
        time.sleep(0.02)
        took_s = time.monotonic() - began
    assert 3 <= decoder.figures["decoder_hangs"] <= 2 * took_s
    assert decoded(decoder, "good") == b"good"


@pytest.mark.parametrize("which", ["child", "keeper"])
def test_reading_goes_on_after_one_of_its_processes_was_killed(
    decoder: ChildDecoder, which: str
) -> None:
    assert decoded(decoder, "good 1") == b"good 1"
    keeper = next(each for each in children() if each.ppid() == os.getpid())
    (child,) = keeper.children()
    (child if which == "child" else keeper).kill()
    assert decoded(decoder, "good 2") == b"good 2"
    assert has_ended(child)
    assert len(children()) == 2


def test_a_decoder_that_cannot_be_loaded_says_why_and_leaves_nothing_behind() -> None:
    decoder = ChildDecoder("zbar", ["QR"], table="tests.hostile_decoders:NO_SUCH_TABLE")
    with pytest.raises(DeviceError, match=r"'zbar' does not run: .*NO_SUCH_TABLE"):
        decoder.open()
    assert children() == []


PARENT = """
import sys, threading
import psutil
from hardware.codes.barcode_camera import BarcodeCamera, BarcodeCameraOptions
from hardware.cameras.frames import FrameSlot
camera = BarcodeCamera(BarcodeCameraOptions(source=FrameSlot(), decoder="zbar"))
if sys.argv[1] == "thread":
    thread = threading.Thread(target=camera.open)
    thread.start()
    thread.join()
else:
    camera.open()
print(*(each.pid for each in psutil.Process().children(recursive=True)), flush=True)
if sys.argv[1] != "leaves":
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["killed", "leaves", "thread"])
def test_no_child_outlives_the_program_or_thread_that_opened_it(end: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, end],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pids = parent.stdout.readline().split()
    if end == "killed":
        assert len(pids) == 2
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + GOES_ON_S_MAX + LATE_S_MAX
    while not all(map(has_ended, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    assert all(map(has_ended, pids))
    parent.communicate()


def test_a_lane_tells_its_trouble_once_and_reads_on() -> None:
    """The driver itself, as a store runs it, with a code that crashes its decoder among others."""
    slot = FrameSlot()
    options = BarcodeCameraOptions(source=slot)
    decoder = ChildDecoder("hostile", SYMBOLOGIES_DEFAULT, table=TABLE, frame_s_max=PATIENT_S)
    driver = BarcodeCamera(options, decoder)
    driver.open()
    seen: list[bytes] = []
    health: list[HealthReading] = []

    def show(payload: str, is_done: Callable[[], bool]) -> None:
        until = time.monotonic() + GOES_ON_S_MAX + LATE_S_MAX
        while not is_done() and time.monotonic() < until:
            slot.put(picture(payload))
            for reading in driver.read(1.0):
                if isinstance(reading, CodeReading):
                    seen.append(reading.data)
                elif isinstance(reading, HealthReading):
                    health.append(reading)
            time.sleep(0.02)

    for number in range(10):
        for part in range(3):
            good = f"good {number}-{part}"
            show(good, lambda good=good: good.encode() in seen)
        show("hostile:crash", lambda n=number: decoder.figures["decoder_crashes"] > n)
    driver.close()
    assert len(set(seen)) == 30
    assert decoder.figures["decoder_crashes"] == 10
    (told,) = health
    assert (told.condition, told.reason) == ("degraded", "decoder-crashed")
    assert told.figures["decoder_crashes"] == 1
    assert told.figures["decoded"] >= 1


@pytest.mark.parametrize("name", DECODERS)
def test_a_confined_decoder_reads_what_it_reads_unconfined(name: str, sample_data: Path) -> None:
    """Also what a library loads only when it meets such a code: confined, it could not."""
    unconfined = DECODERS[name](SYMBOLOGIES_DEFAULT)
    for picture in warm_up_pictures():
        unconfined.decode(picture)
    # What is compared is what is read, not how soon: a busy machine may take its time.
    confined = ChildDecoder(name, SYMBOLOGIES_DEFAULT, frame_s_max=60)
    confined.open()
    rng = np.random.default_rng(3)
    photos = sorted(path for path in (sample_data / "codes").rglob("*-?/*.*g"))[::20]
    pictures = [to_grey(read_image(path)) for path in photos]
    sets = ("utf-8", "shift-jis", "cp437", *(f"iso-8859-{part}" for part in (1, 2, 5, 7, 9, 15)))
    pictures += [drawn(segno.make_qr("A", encoding=name, eci=True, mode="byte")) for name in sets]
    pictures += [drawn(segno.make_qr("日本", mode="kanji")), np.zeros((1, 1), np.uint8)]
    for _ in range(25):
        pictures.append(drawn(segno.make_qr(rng.bytes(rng.integers(1, 60)), mode="byte")))
        pictures.append(mutated(pictures[-1], rng))
    assert any(unconfined.decode(grey) for grey in pictures[: len(photos)])
    for grey in pictures:
        found = [(code.data, code.symbology) for code in codes_in(confined, grey)]
        assert found == [(code.data, code.symbology) for code in unconfined.decode(grey)]
    confined.close()


def test_a_decoder_without_opencv_loads_none(decoder: ChildDecoder) -> None:
    """A lane of ZBar alone costs a store 25 MB, not OpenCV a second time."""
    assert len(children()) == 2
    for child in children():
        assert "cv2" not in Path(f"/proc/{child.pid}/maps").read_text(encoding="utf-8")
