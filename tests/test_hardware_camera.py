"""Frames come from files and folders, and a read that hangs hangs alone; for cameras see live."""

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from hardware.cameras.camera import CaptureSource, FolderSource, make_source
from hardware.cameras.frames import Frame, FrameError, FrameSlot, FrameSource, SourceEndedError
from hardware.cameras.live import LiveChild, LiveThread
from hardware.driver import DeviceError


def write_video(path: Path, frames: int = 12) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48))
    for number in range(frames):
        writer.write(np.full((48, 64, 3), number * 20, np.uint8))
    writer.release()
    return path


def take(source: FrameSource, count: int) -> list[Frame]:
    frames: list[Frame] = []
    until = time.monotonic() + 30
    while len(frames) < count and time.monotonic() < until:
        frame = source.take(0.1)
        if frame is not None:
            frames.append(frame)
    assert len(frames) == count
    return frames


def test_a_file_read_as_fast_as_possible_gives_every_frame_by_its_own_time(tmp_path: Path) -> None:
    source = CaptureSource(str(write_video(tmp_path / "clip.avi")), real_time=False)
    source.open()
    frames = take(source, 12)
    assert [frame.number for frame in frames] == list(range(1, 13))
    assert [frame.at_mono_ms - frames[0].at_mono_ms for frame in frames] == list(range(0, 600, 50))
    with pytest.raises(SourceEndedError):
        source.take(5)
    source.close()


def test_a_looped_file_goes_on_in_time(tmp_path: Path) -> None:
    source = CaptureSource(str(write_video(tmp_path / "clip.avi", 4)), real_time=False, loop=True)
    source.open()
    times = [frame.at_mono_ms for frame in take(source, 10)]
    source.close()
    assert [at - times[0] for at in times] == list(range(0, 500, 50))


def test_a_file_played_in_real_time_takes_its_time_and_drops_what_is_stale(tmp_path: Path) -> None:
    source = CaptureSource(str(write_video(tmp_path / "clip.avi")))
    source.open()
    began = time.monotonic()
    first = take(source, 1)[0]
    seen = [first.number]
    while seen[-1] < 12:
        time.sleep(0.12)
        seen += [frame.number for frame in take(source, 1)]
    with pytest.raises(SourceEndedError):
        source.take(5)
    source.close()
    assert time.monotonic() - began >= 0.5
    assert seen == sorted(set(seen))
    assert len(seen) < 12


def test_a_hanging_read_hangs_alone_until_it_returns(tmp_path: Path) -> None:
    """Opening a pipe that nobody writes to never returns: as a dead camera's driver does."""
    path = tmp_path / "camera.avi"
    os.mkfifo(path)
    healthy = write_video(tmp_path / "healthy.avi")
    source = CaptureSource(str(path))
    source.open()
    began = time.monotonic()
    assert source.take(0.1) is None
    source.close()
    assert time.monotonic() - began < 5
    with pytest.raises(DeviceError, match="still hangs"):
        source.open()
    returns = os.open(path, os.O_RDWR)
    healthy.replace(path)
    os.close(returns)
    wait_until_opened(source)
    assert take(source, 1)[0].pixels.shape == (48, 64, 3)
    source.close()


def wait_until_opened(source: FrameSource) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            source.open()
            return
        except DeviceError:
            time.sleep(0.02)
    raise AssertionError("the source stayed closed for 30 s")


def test_what_is_no_video_is_lost_with_a_reason(tmp_path: Path) -> None:
    broken = tmp_path / "clip.mp4"
    broken.write_bytes(b"no video")
    source = CaptureSource(str(broken))
    source.open()
    with pytest.raises(DeviceError, match="cannot be opened"):
        source.take(10)
    source.close()


def test_a_folder_shows_its_images_in_order_and_reports_the_unreadable(tmp_path: Path) -> None:
    for name, shade in (("b.png", 20), ("a.png", 10)):
        cv2.imwrite(str(tmp_path / name), np.full((8, 8, 3), shade, np.uint8))
    (tmp_path / "aa.png").write_bytes(b"no image")
    (tmp_path / "note.txt").write_text("no image either")
    source = FolderSource(tmp_path, every_ms=0, loop=False)
    source.open()
    first = source.take(1)
    assert first is not None
    with pytest.raises(FrameError, match=r"image aa\.png was skipped: no PNG"):
        source.take(1)
    second = source.take(1)
    assert second is not None
    assert [int(first.pixels[0, 0, 0]), int(second.pixels[0, 0, 0])] == [10, 20]
    with pytest.raises(SourceEndedError):
        source.take(1)


def test_a_source_is_named_by_number_address_or_path(tmp_path: Path) -> None:
    slot = FrameSlot()
    assert make_source(slot) is slot
    for plugged in (0, "1", "/dev/v4l/by-id/usb-eye-index0", "/dev/video0?size=1280x720&rate=15"):
        assert isinstance(make_source(plugged), LiveChild)
    assert isinstance(make_source("rtsp://10.0.0.1/live"), LiveChild)
    assert isinstance(make_source("http://10.0.0.1/live"), LiveThread)
    assert isinstance(make_source(str(tmp_path)), FolderSource)
    assert isinstance(make_source(str(write_video(tmp_path / "c.avi"))), CaptureSource)
    for wrong in ("", "/nowhere/clip.mp4", 1.5, None, True, "/dev/video0?sharp", "ftp://10.0.0.1/"):
        with pytest.raises(ValueError, match="source: "):
            make_source(wrong)


@pytest.mark.parametrize(
    "mistyped",
    [
        "rtsp:/eye:s3cret@10.0.0.1/live",
        "eye:s3cret@10.0.0.1/live",
        "rtsp://eye:s3/cret@10.0.0.1/live",
        "rtsp://eye:s3cret@/live",
        "gopher://eye:s3cret@10.0.0.1/live",
    ],
)
def test_a_mistyped_address_is_refused_without_its_password(mistyped: str) -> None:
    with pytest.raises(ValueError, match="source: ") as refused:
        make_source(mistyped)
    assert "s3" not in str(refused.value)
    assert "cret" not in str(refused.value)
