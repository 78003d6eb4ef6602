"""A camera that reads codes: every frame is given to a decoder and forgotten."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import msgspec

from hardware.cameras.camera import FolderSource, make_source
from hardware.cameras.frames import Frame
from hardware.cameras.images import to_grey
from hardware.cameras.watch import STALL_MS_DEFAULT, Watch
from hardware.clock import mono_ms
from hardware.codes.child_decoder import ChildDecoder
from hardware.codes.decoder import SYMBOLOGIES_DEFAULT, Decoded
from hardware.codes.decoders import DECODERS
from hardware.codes.evidence import SIGHTINGS_DEFAULT, Evidence
from hardware.driver import Act, ActResult, cannot_act
from hardware.readings import (
    SYMBOLOGIES,
    CodeReading,
    HealthReading,
    Reading,
    UnreadableReading,
)

# A product code with an add-on of two or five digits behind it (ISO/IEC 15424).
ADD_ON = "]E3"


class BarcodeCameraOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `barcode-camera`.

    `source` is a camera number, an address with `://`, or the path of a video, an image or a folder
    of images; within the process also a FrameSlot. `real_time`, `loop` and `image_every_ms` concern
    files. `symbologies` are those this lane expects: fewer are faster and safer. A code made of
    bars is believed after `sightings` frames; the images of a folder are believed at once, since
    each is seen only once.
    """

    source: object
    decoder: str = "cascade"
    symbologies: tuple[str, ...] = SYMBOLOGIES_DEFAULT
    sightings: int = SIGHTINGS_DEFAULT
    real_time: bool = True
    loop: bool = False
    image_every_ms: int = 500
    stall_ms: int = STALL_MS_DEFAULT

    def __post_init__(self) -> None:
        if self.decoder not in DECODERS:
            raise ValueError(f"decoder: no {self.decoder!r}; known: {', '.join(DECODERS)}")
        for name in self.symbologies:
            if not name or name not in SYMBOLOGIES:
                known = ", ".join(name for name in SYMBOLOGIES if name)
                raise ValueError(f"symbologies: no {name!r}; known: {known}")
        if not self.symbologies:
            raise ValueError("symbologies: expects at least one")
        if self.sightings < 1:
            raise ValueError("sightings: expects at least 1")
        if self.image_every_ms < 0 or self.stall_ms < 0:
            raise ValueError("image_every_ms, stall_ms: cannot be negative")
        make_source(self.source)


_WELL = HealthReading(at_mono_ms=0, condition="ok")


class BarcodeCamera:
    """The driver `barcode-camera`. No frame leaves it but to the decoder's process, in memory.

    That process stays warm while the driver is closed, so that a camera which comes back is read
    at once. It ends with the thread that opened the driver.
    """

    def __init__(self, options: BarcodeCameraOptions, decoder: ChildDecoder | None = None) -> None:
        source = make_source(
            options.source,
            grey=True,
            real_time=options.real_time,
            loop=options.loop,
            image_every_ms=options.image_every_ms,
        )
        self._watch = Watch(source, stall_ms=options.stall_ms)
        self._shows_files = isinstance(source, FolderSource)
        self._evidence = Evidence(1 if self._shows_files else options.sightings)
        self._decoder = decoder or ChildDecoder(options.decoder, options.symbologies)
        self._camera: HealthReading | None = None
        self._told: HealthReading | None = None

    @property
    def is_late(self) -> bool:
        """Tell whether the camera may be away when `open` returns."""
        return self._watch.is_late

    def open(self) -> None:
        """Open the camera; raises DeviceError when that is not possible now."""
        self._camera = self._told = None if self.is_late else _WELL
        self._decoder.start()
        self._watch.open()
        self._decoder.open()

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Return the codes in the next frame, and what changed with the camera or its decoder."""
        skipped = self._watch.skipped
        frame, changes = self._watch.look(timeout_s)
        if frame is None:
            unreadable = self._shows_files and self._watch.skipped > skipped
            shown = [UnreadableReading(at_mono_ms=mono_ms())] if unreadable else []
            return [*self._health(changes), *shown]
        found = [without_add_on(code) for code in self._decoder.decode(to_grey(frame.pixels))]
        codes = self._evidence.weigh(found, frame.at_mono_ms)
        return [*self._health(changes), *(_reading(code, frame) for code in codes)]

    def act(self, act: Act) -> ActResult:
        """Say that a camera only reads."""
        return cannot_act(act)

    def close(self) -> None:
        """Give the camera back."""
        self._watch.close()

    def _health(self, changes: Iterable[HealthReading]) -> Iterator[HealthReading]:
        """Yield how the lane is, whenever camera or decoder changed it."""
        for camera in (*changes, None):
            self._camera = camera or self._camera
            if self._camera is None:
                continue
            lane = lane_health(self._camera, self._decoder.trouble, mono_ms())
            told, self._told = self._told, lane
            if told is None or (lane.condition, lane.reason) != (told.condition, told.reason):
                yield replace(lane, figures={**lane.figures, **self._decoder.figures})


def lane_health(camera: HealthReading, trouble: str, at_mono_ms: int) -> HealthReading:
    """Return how a lane is: what is wrong with its camera comes before its decoder's trouble."""
    if not trouble or camera.condition != "ok":
        return camera
    return replace(camera, at_mono_ms=at_mono_ms, condition="degraded", reason=trouble)


def without_add_on(code: Decoded) -> Decoded:
    """Return the number of goods alone: of goods held up, only some frames show the add-on."""
    if code.aim_id != ADD_ON:
        return code
    digits = 8 if code.symbology == "EAN-8" else 13
    return replace(code, data=code.data[:digits], aim_id="")


def _reading(code: Decoded, frame: Frame) -> CodeReading:
    return CodeReading(
        data=code.data,
        symbology=code.symbology,
        at_mono_ms=frame.at_mono_ms,
        quad=code.quad,
        sure=code.trust != "doubtful",
        aim_id=code.aim_id,
    )
