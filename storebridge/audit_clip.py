"""Draws what was counted into a copy of a clip, so that an operator can check it by eye.

It writes pictures of people to a disk, as nothing else does: only where an operator names a file.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frames import Pixels
from hardware.driver import DeviceError
from hardware.people.tracker import Track
from hardware.people.zones import ZoneMap
from hardware.readings import PeopleReading

ZONE_COLOUR = (0, 220, 255)
LINE_COLOUR = (255, 120, 0)
SURE_COLOUR = (0, 200, 0)
UNSURE_COLOUR = (150, 150, 150)
FRAMES_PER_S_MAX = 60.0

Corner = NDArray[np.int32]


class AuditClip:
    """A new video file, frame by frame."""

    def __init__(self, path: Path, frames_per_s: float, zones: ZoneMap) -> None:
        self._path = path
        self._frames_per_s = min(max(frames_per_s, 1.0), FRAMES_PER_S_MAX)
        self._zones = zones
        self._writer: cv2.VideoWriter | None = None
        self._ways = {name: [0, 0] for name in zones.lines}
        self._stays = dict.fromkeys(zones.zones, 0)

    def add(self, pixels: Pixels, tracks: Sequence[Track], reading: PeopleReading) -> None:
        """Draw one frame; raises DeviceError when the file cannot be written."""
        picture = np.asarray(pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, 8), np.uint8)
        picture = picture.copy()
        if self._writer is None:
            self._writer = self._opened(picture.shape[1], picture.shape[0])
        self._count(reading)
        for name, polygon in self._zones.zones.items():
            corners = np.array(polygon, np.int32)
            cv2.polylines(picture, [corners], True, ZONE_COLOUR, 2)
            text = f"{name}: {reading.counts.get(name, 0)} now, {self._stays[name]} stayed"
            _write(picture, text, corners.min(axis=0), ZONE_COLOUR)
        for name, (start, end) in self._zones.lines.items():
            ends = np.array([start, end], np.int32)
            cv2.arrowedLine(picture, tuple(ends[0]), tuple(ends[1]), LINE_COLOUR, 2)
            inwards, outwards = self._ways[name]
            _write(picture, f"{name}: {inwards} in, {outwards} out", ends.min(axis=0), LINE_COLOUR)
        for track in tracks:
            if not track.over:
                _draw(picture, track, reading.at_mono_ms)
        self._writer.write(picture)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()

    def _opened(self, width: int, height: int) -> cv2.VideoWriter:
        code = "MJPG" if self._path.suffix.lower() == ".avi" else "mp4v"
        writer = cv2.VideoWriter(
            str(self._path), cv2.VideoWriter.fourcc(*code), self._frames_per_s, (width, height)
        )
        if not writer.isOpened():
            raise DeviceError(
                f"{self._path} cannot be written: is its folder there, and does it end in .mp4 "
                "or .avi?"
            )
        return writer

    def _count(self, reading: PeopleReading) -> None:
        for passage in reading.passages:
            self._ways[passage.line][0] += passage.people_in
            self._ways[passage.line][1] += passage.people_out
        for stay in reading.stays:
            self._stays[stay.zone] += 1


def _draw(picture: Pixels, track: Track, at_ms: int) -> None:
    box = track.box
    colour = SURE_COLOUR if track.sure else UNSURE_COLOUR
    first, last = (round(box.left), round(box.top)), (round(box.right), round(box.bottom))
    # A thin box is held from an earlier look, a thick one was seen in this frame.
    cv2.rectangle(picture, first, last, colour, 2 if track.seen_ms == at_ms else 1)
    _write(picture, str(track.number), np.array(first, np.int32), colour)


def _write(picture: Pixels, text: str, at: Corner, colour: tuple[int, int, int]) -> None:
    place = (max(2, int(at[0])), max(14, int(at[1]) - 4))
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1)
