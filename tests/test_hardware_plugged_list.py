"""Cameras are found by the kernel's lists; here by folders like them, and answers like a driver's.

No camera can be plugged into a test machine. The layout of the answers was checked against the
kernel's header with a compiler.
"""

import errno
import struct
from pathlib import Path

import pytest

from hardware.cameras.plugged_camera import parse_plugged
from hardware.cameras.plugged_list import plugged_cameras

CAPTURES, META = 0x04200001, 0x04A00000
FORMATS = {b"MJPG": [(1920, 1080), (1280, 720)], b"YUYV": [(640, 480)]}


class Kernel:
    """Answers as a driver does, for the devices that are plugged in."""

    def __init__(self, can: list[int]) -> None:
        self.can = can
        self.asked = -1

    def __call__(self, opened: int, question: int, answer: bytearray) -> None:
        if question == 0x80685600:
            self.asked += 1
            struct.pack_into("=I", answer, 88, self.can[self.asked])
            return
        number = struct.unpack_from("=I", answer)[0]
        if question == 0xC0405602:
            names = list(FORMATS)
            if number >= len(names):
                raise OSError(errno.EINVAL, "no more")
            struct.pack_into("=4s", answer, 44, names[number])
            return
        assert question == 0xC02C564A
        sizes = FORMATS[bytes(answer[4:8])]
        if number >= len(sizes):
            raise OSError(errno.EINVAL, "no more")
        struct.pack_into("=III", answer, 8, 1, *sizes[number])


def plug_in(root: Path, *names: str) -> tuple[Path, Path]:
    system, devices = root / "sys", root / "dev"
    (devices / "v4l" / "by-id").mkdir(parents=True)
    for number, name in enumerate(names):
        entry = system / f"video{number}"
        entry.mkdir(parents=True)
        (entry / "name").write_text(f"{name}\n")
        (devices / entry.name).touch()
    return system, devices


def test_a_camera_is_named_by_what_stays_the_same_with_its_sizes(tmp_path: Path):
    system, devices = plug_in(tmp_path, "Eye 3000", "Eye 3000")
    lasting = devices / "v4l" / "by-id" / "usb-Eye_3000_A17-video-index0"
    lasting.symlink_to(devices / "video0")
    (camera,) = plugged_cameras(system, devices, Kernel([CAPTURES, META]))
    assert camera.source == str(lasting)
    assert camera.name == "Eye 3000"
    assert camera.sizes == ((1920, 1080), (1280, 720), (640, 480))
    assert camera.problem == ""


def test_a_camera_that_cannot_be_asked_is_listed_with_the_reason(tmp_path: Path):
    system, devices = plug_in(tmp_path, "Eye 3000")
    (devices / "video0").unlink()
    (camera,) = plugged_cameras(system, devices, Kernel([]))
    assert camera.source == str(devices / "video0")
    assert camera.problem == "No such file or directory"


def test_a_machine_without_cameras_has_none(tmp_path: Path):
    assert plugged_cameras(tmp_path / "sys", tmp_path / "dev") == []


def test_size_and_rate_may_be_wished():
    wished = parse_plugged("/dev/video0?size=1280x720&rate=15")
    assert (wished.path, wished.width, wished.height, wished.rate) == ("/dev/video0", 1280, 720, 15)
    assert parse_plugged("/dev/video0").width == 0
    with pytest.raises(ValueError, match="expects"):
        parse_plugged("/dev/video0?colour=red")
