"""A camera that counts people: who stands in which zone, for how long, and who passes the door."""

from collections.abc import Sequence

import msgspec

from hardware.camera import make_source
from hardware.detector import Detector
from hardware.detectors import DETECTORS
from hardware.driver import Act, ActResult, cannot_act
from hardware.frames import Frame
from hardware.readings import PeopleReading, Reading
from hardware.stays import Changes, StayClock
from hardware.tracker import Tracker
from hardware.watch import STALL_MS_DEFAULT, Watch
from hardware.zones import Line, Polygon, ZoneMap


class PeopleCounter:
    """Counts people in frames that are given in order: detector, tracker and stays together.

    Holds nothing of a frame after it was seen but boxes.
    """

    def __init__(self, zones: ZoneMap, detector: Detector) -> None:
        self._detector = detector
        self._stays = StayClock(zones)
        self._tracker: Tracker | None = None
        self._at_ms = 0

    def see(self, frame: Frame) -> PeopleReading:
        """Return what there is after this frame."""
        if self._tracker is None:
            height, width = frame.pixels.shape[:2]
            self._tracker = Tracker((width, height))
        self._at_ms = frame.at_mono_ms
        held = [track.box for track in self._tracker.tracks if track.sure]
        boxes = self._detector.detect(frame, held)
        tracks = self._tracker.update(boxes, frame.at_mono_ms)
        return self._reading(self._stays.update(tracks, frame.at_mono_ms))

    def finish(self) -> PeopleReading:
        """Return the stays that were still under way, ended: there are no further frames."""
        self._tracker = None
        return self._reading(self._stays.finish())

    def _reading(self, changes: Changes) -> PeopleReading:
        return PeopleReading(
            at_mono_ms=self._at_ms,
            counts=changes.counts,
            stays=changes.stays,
            passages=changes.passages,
            detector=self._detector.name,
            fallback=self._detector.fallback,
        )


class PeopleCameraOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `people-camera`.

    `source`, `real_time`, `loop` and `stall_ms` are those of `barcode-camera`. `zones` holds the
    corners of each zone by name, `lines` two points for each counting line; inwards is from the
    left of the line, seen from its first to its second point, to its right.
    """

    source: object
    zones: dict[str, Polygon] = {}
    lines: dict[str, Line] = {}
    detector: str = "background"
    real_time: bool = True
    loop: bool = False
    stall_ms: int = STALL_MS_DEFAULT

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise ValueError(f"detector: no {self.detector!r}; known: {', '.join(DETECTORS)}")
        if not self.zones and not self.lines:
            raise ValueError("zones, lines: expects at least one of them")
        if self.stall_ms < 0:
            raise ValueError("stall_ms: cannot be negative")
        make_source(self.source)
        ZoneMap(zones=self.zones, lines=self.lines)


class PeopleCamera:
    """The driver `people-camera`. No frame, no box and no track leaves it."""

    def __init__(self, options: PeopleCameraOptions) -> None:
        self._zones = ZoneMap(zones=options.zones, lines=options.lines)
        source = make_source(options.source, real_time=options.real_time, loop=options.loop)
        self._watch = Watch(source, stall_ms=options.stall_ms)
        self._detector_name = options.detector
        self._counter: PeopleCounter | None = None
        self._counts: dict[str, int] = {}

    def open(self) -> None:
        """Open the camera, with nobody followed."""
        self._counter = PeopleCounter(self._zones, DETECTORS[self._detector_name]())
        self._counts = {}
        self._watch.open()

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Return what the next frame changed, and what changed with the camera."""
        frame, readings = self._watch.look(timeout_s)
        if self._counter is None:
            return readings
        if frame is not None:
            return [*readings, *self._worth_telling(self._counter.see(frame))]
        if any(health.reason == "ended" or health.condition == "failed" for health in readings):
            return [*readings, *self._worth_telling(self._counter.finish())]
        return readings

    def act(self, act: Act) -> ActResult:
        """Say that a camera only reads."""
        return cannot_act(act)

    def close(self) -> None:
        """Give the camera back; stays under way are lost with it."""
        self._watch.close()

    def _worth_telling(self, reading: PeopleReading) -> list[PeopleReading]:
        if reading.stays or reading.passages or reading.counts != self._counts:
            self._counts = dict(reading.counts)
            return [reading]
        return []
