"""Finds the cameras that are plugged into this machine: their names, and what sizes they give.

Linux lists them below /sys/class/video4linux; each tells its formats when asked. The numbers stand
in the kernel's header `linux/videodev2.h`.
"""

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SYSTEM = Path("/sys/class/video4linux")
DEVICES = Path("/dev")
ANSWERS_MAX = 64

_QUERY_CAPABILITIES, _CAPABILITIES_BYTES, _DEVICE_CAPABILITIES_AT = 0x80685600, 104, 88
_LIST_FORMATS, _LIST_SIZES = 0xC0405602, 0xC02C564A
_CAPTURES_VIDEO, _SIZE_IS_ONE = 1, 1
_FORMAT = struct.Struct("=III32sI16x")
_SIZE = struct.Struct("=III6I8x")

# Asks a device by its open file, the number of a question and a buffer that holds the answer then.
Ask = Callable[[int, int, bytearray], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluggedCamera:
    """A camera of this machine.

    `source` is how to name it in a configuration: the path that stays the same whatever port it is
    plugged into and whatever else is, where there is one. `sizes` is empty for one that cannot be
    asked now; `problem` says why.
    """

    source: str
    device: str
    name: str
    sizes: tuple[tuple[int, int], ...] = ()
    problem: str = ""


def plugged_cameras(
    system: Path = SYSTEM, devices: Path = DEVICES, ask: Ask = fcntl.ioctl
) -> list[PluggedCamera]:
    """Return the cameras of this machine; a camera's further device files are none of them."""
    if not system.is_dir():
        return []
    found = []
    for entry in sorted(system.iterdir(), key=lambda path: (len(path.name), path.name)):
        camera = _camera(entry, devices, ask)
        if camera is not None:
            found.append(camera)
    return found


def _camera(entry: Path, devices: Path, ask: Ask) -> PluggedCamera | None:
    device = devices / entry.name
    name = _text(entry / "name") or entry.name
    lasting = _lasting(device, devices)
    sizes: tuple[tuple[int, int], ...] = ()
    problem = ""
    try:
        opened = os.open(device, os.O_RDWR | os.O_NONBLOCK)
        try:
            if not _captures(opened, ask):
                return None
            sizes = tuple(sorted(set(_sizes(opened, ask)), reverse=True))
        finally:
            os.close(opened)
    except OSError as error:
        problem = error.strerror or str(error)
    return PluggedCamera(
        source=str(lasting or device), device=str(device), name=name, sizes=sizes, problem=problem
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _lasting(device: Path, devices: Path) -> Path | None:
    """Return the name by which udev always finds this camera, by its make and serial number."""
    folder = devices / "v4l" / "by-id"
    if not folder.is_dir():
        return None
    links = (link for link in sorted(folder.iterdir()) if link.resolve() == device.resolve())
    return next(links, None)


def _captures(opened: int, ask: Ask) -> bool:
    answer = bytearray(_CAPABILITIES_BYTES)
    ask(opened, _QUERY_CAPABILITIES, answer)
    can = struct.unpack_from("=I", answer, _DEVICE_CAPABILITIES_AT)[0]
    return bool(can & _CAPTURES_VIDEO)


def _sizes(opened: int, ask: Ask) -> Iterator[tuple[int, int]]:
    for format_number in range(ANSWERS_MAX):
        answer = bytearray(_FORMAT.pack(format_number, _CAPTURES_VIDEO, 0, b"", 0))
        if not _answers(opened, _LIST_FORMATS, answer, ask):
            return
        pixel_format = _FORMAT.unpack(answer)[4]
        for size_number in range(ANSWERS_MAX):
            answer = bytearray(_SIZE.pack(size_number, pixel_format, 0, *[0] * 6))
            if not _answers(opened, _LIST_SIZES, answer, ask):
                break
            _, _, kind, *numbers = _SIZE.unpack(answer)
            if kind != _SIZE_IS_ONE:  # any size up to a greatest
                yield numbers[1], numbers[4]
                break
            yield numbers[0], numbers[1]


def _answers(opened: int, question: int, answer: bytearray, ask: Ask) -> bool:
    try:
        ask(opened, question, answer)
    except OSError:
        return False  # there is none of this number
    return True
