"""The detector `model`: a network that knows people, shown only what moves and who is followed."""

from collections.abc import Sequence
from pathlib import Path

from hardware.cameras.frames import Frame
from hardware.people.detector import Box, Sight
from hardware.people.motion import MotionMap
from hardware.people.ration import Ration, Scene
from hardware.people.yolox import YoloxModel

# People far away are too small for a model made for less than this (its own pixels).
SIZE_PX_MIN = 416


class ModelDetector:
    """Finds people with the model of one file."""

    fallback = False

    def __init__(self, path: Path) -> None:
        """Read the model; raises DeviceError when it cannot be used."""
        self.name = path.stem
        self._model = YoloxModel(path)
        self._motion = MotionMap()
        self._ration = Ration()

    def look(self, frame: Frame, held: Sequence[Box]) -> Sight:
        """Return the people in the parts of the picture that had to be looked at now."""
        self._motion.see(frame.pixels, frame.at_mono_ms)
        height, width = frame.pixels.shape[:2]
        scene = Scene(
            at_ms=frame.at_mono_ms,
            size=(width, height),
            scale=max(self._model.size, SIZE_PX_MIN) / max(width, height),
            moving=tuple(self._motion.places()),
            held=tuple(held),
        )
        parts = self._ration.parts(scene)
        return Sight(
            boxes=tuple(self._model.find(frame.pixels, parts)),
            looked=tuple(part.box for part in parts),
            motion=self._motion,
        )
