"""A camera that reads codes: every frame is given to a decoder and forgotten."""

from collections.abc import Sequence

import msgspec

from hardware.camera import FolderSource, make_source
from hardware.decoder import SYMBOLOGIES_DEFAULT, Decoded, Decoder
from hardware.decoders import DECODERS
from hardware.driver import Act, ActResult, cannot_act
from hardware.evidence import SIGHTINGS_DEFAULT, Evidence
from hardware.frames import Frame
from hardware.images import to_grey
from hardware.readings import SYMBOLOGIES, CodeReading, Reading
from hardware.watch import STALL_MS_DEFAULT, Watch


class BarcodeCameraOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `barcode-camera`.

    `source` is a camera number, an address with `://`, or the path of a video, an image or a folder
    of images; within the process also a FrameSlot. `real_time`, `loop` and `image_every_ms` concern
    files. `symbologies` are those this lane expects: fewer are faster and safer. A code made of
    bars is believed after `sightings` frames; the images of a folder are believed at once, since
    each is seen only once.
    """

    source: object
    decoder: str = "zbar"
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


class BarcodeCamera:
    """The driver `barcode-camera`. No frame leaves it."""

    def __init__(self, options: BarcodeCameraOptions) -> None:
        source = make_source(
            options.source,
            grey=True,
            real_time=options.real_time,
            loop=options.loop,
            image_every_ms=options.image_every_ms,
        )
        self._watch = Watch(source, stall_ms=options.stall_ms)
        self._options = options
        self._evidence = Evidence(1 if isinstance(source, FolderSource) else options.sightings)
        self._decoder: Decoder | None = None

    def open(self) -> None:
        """Open the camera; raises DeviceError when that is not possible now."""
        if self._decoder is None:
            self._decoder = DECODERS[self._options.decoder](self._options.symbologies)
        self._watch.open()

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Return the codes in the next frame, and what changed with the camera."""
        frame, readings = self._watch.look(timeout_s)
        if frame is None or self._decoder is None:
            return readings
        codes = self._evidence.weigh(self._decoder.decode(to_grey(frame.pixels)), frame.at_mono_ms)
        return [*readings, *(_reading(code, frame) for code in codes)]

    def act(self, act: Act) -> ActResult:
        """Say that a camera only reads."""
        return cannot_act(act)

    def close(self) -> None:
        """Give the camera back."""
        self._watch.close()


def _reading(code: Decoded, frame: Frame) -> CodeReading:
    return CodeReading(
        data=code.data, symbology=code.symbology, at_mono_ms=frame.at_mono_ms, quad=code.quad
    )
