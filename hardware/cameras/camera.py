"""Where frames come from: a camera, a stream, a video file or a folder of images.

A video file is opened and read in a thread of its own, since the video library may hang in either
for ever. At most one such thread exists for each source: while it hangs, the source cannot be
opened again, and says so. What is live is read by `live.py`.
"""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from hardware.cameras.address import parse_address, without_credentials
from hardware.cameras.capture_child import CaptureChild
from hardware.cameras.frames import (
    PIXELS_MAX,
    Frame,
    FrameError,
    FrameSlot,
    FrameSource,
    SourceEndedError,
)
from hardware.cameras.images import IMAGE_SUFFIXES, read_image
from hardware.cameras.live import LiveChild, LiveThread
from hardware.cameras.mjpeg import MjpegCapture
from hardware.cameras.plugged_camera import parse_plugged
from hardware.clock import mono_ms
from hardware.driver import DeviceError

CLOSE_TIMEOUT_S = 1.0
FRAMES_PER_S_FALLBACK = 10.0
FRAMES_PER_S_MAX = 240.0
BROKEN_FRAMES_MAX = 50
# What a bare stream begins with: in H.264 parameters, a delimiter or a remark, in H.265 likewise.
H264_FIRST = frozenset({6, 7, 9})
H265_FIRST = frozenset({32, 33, 35, 39})


def make_source(
    source: object,
    *,
    grey: bool = False,
    real_time: bool = True,
    loop: bool = False,
    image_every_ms: int = 500,
) -> FrameSource:
    """Return the source that `source` names: nothing is opened yet.

    A number or a path below /dev is a camera of this machine, a text with `://` a network camera,
    any other text a folder of images, an image or a video file; a FrameSlot is taken as it is.
    `real_time` and `loop` concern files and folders. With `grey` a live camera gives frames
    without colours, at less cost.

    Raises ValueError when it is none of these, or no such file exists.
    """
    if isinstance(source, FrameSlot):
        return source
    if isinstance(source, int) and not isinstance(source, bool):
        return _plugged(f"/dev/video{source}", grey=grey)
    if not isinstance(source, str) or not source:
        raise ValueError(f"source: expects a number, address or path, not {type(source).__name__}")
    if source.isdecimal():
        return _plugged(f"/dev/video{source}", grey=grey)
    if source.startswith("/dev/"):
        return _plugged(source, grey=grey)
    if "://" in source:
        return _network(source, grey=grey)
    path = Path(source)
    try:
        if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
            return FolderSource(path, every_ms=image_every_ms if real_time else 0, loop=loop)
        if path.is_file():
            return CaptureSource(str(path), real_time=real_time, loop=loop)
    except OSError as error:  # a folder on the way to it is not ours to look into
        name = without_credentials(source)
        raise ValueError(f"source: {name} cannot be read: {error.strerror}") from error
    raise ValueError(f"source: there is no file or folder {without_credentials(source)}")


def is_live(source: FrameSource) -> bool:
    """Tell whether a source is a camera, whose picture shows how the camera itself is."""
    return isinstance(source, LiveThread | LiveChild)


def _plugged(source: str, *, grey: bool) -> FrameSource:
    try:
        title = parse_plugged(source).title
    except ValueError as error:
        raise ValueError(f"source: {error}") from error
    return LiveChild(partial(CaptureChild, source, grey=grey), title)


def _network(source: str, *, grey: bool) -> FrameSource:
    try:
        address = parse_address(source)
    except ValueError as error:
        raise ValueError(f"source: {error}") from None
    if address.scheme in {"http", "https"}:
        return LiveThread(partial(MjpegCapture, address, grey=grey), address.title)
    return LiveChild(partial(CaptureChild, source, grey=grey), address.title)


class CaptureSource:
    """A video file that plays in real time, or as fast as its frames are taken.

    Its frames are timed by their place in it, counted from the opening, or with `frames_per_s` by
    their number.
    """

    def __init__(
        self,
        path: str,
        *,
        real_time: bool = True,
        loop: bool = False,
        frames_per_s: float | None = None,
    ) -> None:
        self._path = path
        self._frames_per_s = frames_per_s
        self._real_time = real_time
        self._loop = loop
        self._slot = FrameSlot()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Start the reading thread; raises DeviceError while an earlier one still hangs."""
        if self._thread is not None and self._thread.is_alive():
            raise DeviceError(
                f"{self._title()} still hangs in its last read; it can be used again when that "
                "returns, or after a restart of this program"
            )
        self._slot = FrameSlot()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._slot, self._stop), name="capture", daemon=True
        )
        self._thread.start()

    def take(self, timeout_s: float) -> Frame | None:
        """Return the newest frame, or of a file read as fast as possible the next one."""
        return self._slot.take(timeout_s)

    def close(self) -> None:
        """Stop the thread, or leave it alone until its hanging read returns."""
        self._stop.set()
        self._slot.close()  # lets a thread go on that waits for its frame to be taken
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
            if not self._thread.is_alive():
                self._thread = None

    def _title(self) -> str:
        return f"video {Path(self._path).name}"

    def _run(self, slot: FrameSlot, stop: threading.Event) -> None:
        capture = cv2.VideoCapture(self._path)
        try:
            if not capture.isOpened():
                slot.fail(DeviceError(f"{self._title()} cannot be opened: is it a video?"))
            else:
                self._play(capture, slot, stop)
        except cv2.error as error:
            slot.fail(DeviceError(f"{self._title()} failed in the video library: {error.err}"))
        finally:
            capture.release()

    def _play(self, capture: cv2.VideoCapture, slot: FrameSlot, stop: threading.Event) -> None:
        per_s = self._frames_per_s or capture.get(cv2.CAP_PROP_FPS)
        if not 0 < per_s <= FRAMES_PER_S_MAX:
            per_s = FRAMES_PER_S_FALLBACK
        clock = _FileClock(mono_ms(), 1000 / per_s)
        broken = 0
        while not stop.is_set():
            read, pixels = capture.read()
            if not read:
                if not self._loop or broken >= BROKEN_FRAMES_MAX:
                    slot.fail(SourceEndedError(f"{self._title()} was played to its end"))
                    return
                broken += 1  # a file without one readable frame must not be wound back for ever
                capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
                clock.wind_back()
                continue
            broken = 0
            place_ms = 0.0 if self._frames_per_s else capture.get(cv2.CAP_PROP_POS_MSEC)
            at_ms = clock.frame_at(place_ms)
            if self._real_time and stop.wait(max(0, at_ms - mono_ms()) / 1000):
                return
            if not _show(pixels, at_ms, slot, stop, keep=not self._real_time):
                slot.fail(DeviceError(f"{self._title()} has frames above {PIXELS_MAX} pixels"))
                return


class _FileClock:
    """Turns the places of frames in a file into a time that only grows, also when it is looped."""

    def __init__(self, began_ms: int, usual_ms: float) -> None:
        self._began_ms = float(began_ms)
        self._usual_ms = usual_ms
        self._place_ms: float | None = None

    def frame_at(self, place_ms: float) -> int:
        """Return when the frame at this place is shown; files without places go by their rate."""
        if self._place_ms is not None and not place_ms > self._place_ms:
            place_ms = self._place_ms + self._usual_ms
        self._place_ms = place_ms
        return round(self._began_ms + place_ms)

    def wind_back(self) -> None:
        """Begin at the file's first frame again."""
        if self._place_ms is not None:
            self._began_ms += self._place_ms + self._usual_ms
        self._place_ms = None


def frames_per_s(video: Path) -> float:
    """Return the rate that a video file states for itself; the usual one where it states none."""
    capture = cv2.VideoCapture(str(video))
    per_s = float(capture.get(cv2.CAP_PROP_FPS))
    capture.release()
    return per_s if 0 < per_s <= FRAMES_PER_S_MAX else FRAMES_PER_S_FALLBACK


def says_its_rate(video: Path) -> bool:
    """Tell whether a video file can say how many frames a second it has.

    A bare stream of H.264, H.265 or JPEG pictures does not: the video library assumes a rate.
    """
    with video.open("rb") as file:
        head = file.read(5)
    if head.startswith(b"\xff\xd8\xff"):
        return False
    code = head[4:5] if head.startswith(b"\0\0\0\1") else head[3:4]
    if not head.startswith((b"\0\0\0\1", b"\0\0\1")) or not code:
        return True
    return code[0] & 0x1F not in H264_FIRST and code[0] >> 1 not in H265_FIRST


class FolderSource:
    """The images of a folder in the order of their names, or one image, `every_ms` apart."""

    def __init__(self, path: Path, *, every_ms: int, loop: bool) -> None:
        self._path = path
        self._every_ms = every_ms
        self._loop = loop
        self._paths: Iterator[Path] = iter(())
        self._due_ms = 0
        self._number = 0

    def open(self) -> None:
        """List the folder; raises DeviceError when it holds no images."""
        if not self._list():
            raise DeviceError(f"there is no image in {self._path}: put PNG, JPEG or WebP there")
        self._paths = iter(self._list())
        self._due_ms = mono_ms()

    def take(self, timeout_s: float) -> Frame | None:
        """Return the next image when its time has come."""
        wait_ms = self._due_ms - mono_ms()
        if wait_ms > timeout_s * 1000:
            threading.Event().wait(timeout_s)
            return None
        threading.Event().wait(max(0, wait_ms) / 1000)
        path = next(self._paths, None)
        if path is None and self._loop:
            self._paths = iter(self._list())
            path = next(self._paths, None)
        if path is None:
            raise SourceEndedError(f"every image in {self._path} was shown")
        at_ms, self._due_ms = self._due_ms, self._due_ms + self._every_ms
        self._number += 1
        try:
            return Frame(pixels=read_image(path), at_mono_ms=at_ms, number=self._number)
        except FrameError as error:
            raise FrameError(f"image {path.name} was skipped: {error}") from error

    def close(self) -> None:
        """Forget the list."""
        self._paths = iter(())

    def _list(self) -> list[Path]:
        if self._path.is_file():
            return [self._path]
        try:
            found = self._path.iterdir()
            return sorted(path for path in found if path.suffix.lower() in IMAGE_SUFFIXES)
        except OSError as error:
            raise DeviceError(f"folder {self._path} cannot be listed: {error.strerror}") from error


def _show(
    pixels: object, at_ms: int, slot: FrameSlot, stop: threading.Event, *, keep: bool
) -> bool:
    """Put a captured frame into the slot; False when it is too large to accept."""
    frame = np.asarray(pixels, np.uint8)
    if frame.shape[0] * frame.shape[1] > PIXELS_MAX:
        return False
    slot.put(frame, at_ms, wait_s=threading.TIMEOUT_MAX if keep and not stop.is_set() else 0.0)
    return True
