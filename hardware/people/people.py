"""A camera that counts people: who stands in which zone, for how long, and who passes the door."""

from collections.abc import Sequence

import msgspec

from hardware.cameras.camera import make_source
from hardware.cameras.frames import Frame
from hardware.cameras.watch import STALL_MS_DEFAULT, Watch
from hardware.clock import mono_ms
from hardware.driver import Act, ActResult, cannot_act
from hardware.people.detector import Detector
from hardware.people.detectors import detector_for
from hardware.people.floor import Floor, in_picture
from hardware.people.passages import PassageClock
from hardware.people.paths import Paths, Walker
from hardware.people.rules import PeopleRules
from hardware.people.staff import StaffWatch
from hardware.people.stays import StayClock
from hardware.people.tracker import Track, Tracker
from hardware.people.zones import Line, Polygon, ZoneMap
from hardware.readings import Passage, PeopleReading, Reading, Stay


class PeopleCounter:
    """Counts people in frames that are given in order: detector, tracker and stays together.

    Holds nothing of a frame after it was seen but boxes and a small grey copy.
    """

    def __init__(
        self, zones: ZoneMap, detector: Detector, rules: PeopleRules | None = None
    ) -> None:
        self._zones = zones
        self._detector = detector
        self._rules = rules or PeopleRules()
        self._tracker: Tracker | None = None
        self._at_ms = 0
        self._begin((0, 0))

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Return the people followed, for drawing."""
        return () if self._tracker is None else self._tracker.tracks

    def see(self, frame: Frame) -> PeopleReading:
        """Return what there is after this frame."""
        height, width = frame.pixels.shape[:2]
        if self._tracker is None:
            self._tracker = self._begin((width, height))
        self._at_ms = frame.at_mono_ms
        held = [track.box for track in self._tracker.tracks if track.sure and not track.over]
        sight = self._detector.look(frame, held)
        tracks = self._tracker.update(sight, frame.at_mono_ms)
        self._forget(frozenset(track.number for track in tracks if track.void))
        people = [track for track in tracks if not track.void]
        walkers = self._shoppers(self._paths.update(people, frame.at_mono_ms))
        stays = self._stays.update(walkers, frame.at_mono_ms)
        return self._reading(stays, self._passages.update(walkers, frame.at_mono_ms))

    def finish(self) -> PeopleReading:
        """Return the stays that were still under way, ended: there are no further frames."""
        if self._tracker is not None:
            walkers = self._paths.update(self._tracker.finish(), self._at_ms)
            walkers = self._shoppers(walkers)
            self._tracker = None
            stays = self._stays.update(walkers, self._at_ms)
            passages = self._passages.update(walkers, self._at_ms)
            return self._reading(
                (*stays, *self._stays.finish()), (*passages, *self._passages.finish())
            )
        return self._reading(self._stays.finish(), self._passages.finish())

    def _begin(self, size: tuple[int, int]) -> Tracker:
        self._paths = Paths(size)
        self._staff = StaffWatch(self._zones.zones, self._rules)
        self._stays = StayClock(self._zones, self._rules)
        self._passages = PassageClock(dict(self._zones.lines), self._rules)
        return Tracker(size)

    def _shoppers(self, walkers: Sequence[Walker]) -> list[Walker]:
        """Return the people who count, and forget what the others did."""
        staff = self._staff.update(walkers)
        self._forget(staff)
        return [walker for walker in walkers if walker.number not in staff]

    def _forget(self, numbers: frozenset[int]) -> None:
        self._stays.drop(numbers)
        self._passages.drop(numbers)

    def _reading(self, stays: tuple[Stay, ...], passages: tuple[Passage, ...]) -> PeopleReading:
        return PeopleReading(
            at_mono_ms=self._at_ms,
            counts=self._stays.counts(),
            waiting_ms=self._stays.waiting_ms(self._at_ms),
            stays=stays,
            passages=passages,
            detector=self._detector.name,
            fallback=self._detector.fallback,
        )


class PeopleCameraOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `people-camera`.

    `source`, `real_time`, `loop` and `stall_ms` are those of `barcode-camera`. `zones` holds the
    corners of each zone by name, `lines` two points for each counting line; inwards is from the
    left of the line, seen from its first to its second point, to its right. They are in pixels,
    or with a `floor` in its measure. `model` is the name or path of a model of people; without
    one the fallback sees what differs from the empty shop. `rules` say what counts.
    """

    source: object
    zones: dict[str, Polygon] = {}
    lines: dict[str, Line] = {}
    floor: Floor | None = None
    model: str = ""
    rules: PeopleRules = PeopleRules()
    real_time: bool = True
    loop: bool = False
    stall_ms: int = STALL_MS_DEFAULT

    def __post_init__(self) -> None:
        if not self.zones and not self.lines:
            raise ValueError("zones, lines: expects at least one of them")
        if self.stall_ms < 0:
            raise ValueError("stall_ms: cannot be negative")
        make_source(self.source)
        if unknown := set(self.rules.staff_zones) - set(self.zones):
            raise ValueError(f"rules: staff_zones names no zone: {', '.join(sorted(unknown))}")
        self.map()

    def map(self) -> ZoneMap:
        """Return zones and lines in pixels of the picture."""
        return in_picture(ZoneMap(zones=self.zones, lines=self.lines), self.floor)


class PeopleCamera:
    """The driver `people-camera`. No frame, no box and no track leaves it.

    Whoever was there when the camera was lost is there still if it is soon back.
    """

    def __init__(self, options: PeopleCameraOptions) -> None:
        self._zones = options.map()
        self._rules = options.rules
        source = make_source(options.source, real_time=options.real_time, loop=options.loop)
        self._watch = Watch(source, stall_ms=options.stall_ms)
        self._model = options.model
        self._counter: PeopleCounter | None = None
        self._counts: dict[str, int] = {}
        self._away_since_ms: int | None = None

    @property
    def is_late(self) -> bool:
        """Tell whether the camera may be away when `open` returns."""
        return self._watch.is_late

    def open(self) -> None:
        """Open the camera, with nobody followed; raises DeviceError without its model, too."""
        self._counter = PeopleCounter(self._zones, detector_for(self._model), self._rules)
        self._counts = {}
        self._away_since_ms = None
        self._watch.open()

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Return what the next frame changed, and what changed with the camera."""
        frame, readings = self._watch.look(timeout_s)
        if self._counter is None:
            return readings
        if frame is not None:
            self._away_since_ms = None
            return [*readings, *self._worth_telling(self._counter.see(frame))]
        if any(health.condition == "failed" for health in readings):
            self._away_since_ms = mono_ms()
        if self._is_over() or any(health.reason == "ended" for health in readings):
            self._away_since_ms = None
            return [*readings, *self._worth_telling(self._counter.finish())]
        return readings

    def act(self, act: Act) -> ActResult:
        """Say that a camera only reads."""
        return cannot_act(act)

    def close(self) -> None:
        """Give the camera back; stays under way are lost with it."""
        self._watch.close()

    def _is_over(self) -> bool:
        """Tell whether the camera is away for longer than somebody may be lost from sight."""
        since_ms = self._away_since_ms
        return since_ms is not None and mono_ms() - since_ms > self._rules.lost_s * 1000

    def _worth_telling(self, reading: PeopleReading) -> list[PeopleReading]:
        if reading.stays or reading.passages or reading.counts != self._counts:
            self._counts = dict(reading.counts)
            return [reading]
        return []
