"""Decides when and where a costly detector looks: pure, what moves and who is followed come in.

What is looked at is paid for by its area, out of an income that is steady, so that a camera never
costs more than its share of a core, however many people are in view. The empty and still shop
costs next to nothing; whoever stands still is looked at now and then.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hardware.people.detector import Box, around, common_area

# In the detector's own pixels: at 0.37 ms for a thousand of them, 7 % of a core.
INCOME_PX_S = 190_000
CELL_PX = 32
# A person this high in the detector's own pixels is seen as well as any larger one.
PERSON_PX = 120
SAVINGS_PX_MAX = 60_000
MOVING_EVERY_MS = 90
STILL_EVERY_MS = 2_000
WHOLE_EVERY_MS = 10_000
# Where nothing has moved since, and nobody is followed, nobody can have come.
QUIET_EVERY_MS = 60_000
# Around what moves there may be more of a person: this share of its size, and at least so much.
MARGIN_SHARE = 0.35
MARGIN_PX = 28
PARTS_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is cheaply known of a frame: its size, what moves, and where people are followed.

    `scale` turns its pixels into those of the detector where nobody is known to be.
    """

    at_ms: int
    size: tuple[int, int]
    scale: float
    moving: tuple[Box, ...]
    held: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the picture to look at, and at which scale."""

    box: Box
    scale: float

    @property
    def cost_px(self) -> int:
        """Return how many pixels the detector sees: whole cells of its grid."""
        columns = math.ceil(self.box.width * self.scale / CELL_PX)
        return columns * math.ceil(self.box.height * self.scale / CELL_PX) * CELL_PX**2


class Ration:
    """The budget of one camera."""

    def __init__(self, income_px_s: int = INCOME_PX_S) -> None:
        self._income_px_s = income_px_s
        self._purse_px = 0.0
        self._at_ms: int | None = None
        self._whole_ms: int | None = None
        self._quiet = False
        self._moving_ms = 0
        self._still_ms = 0

    def parts(self, scene: Scene) -> tuple[Part, ...]:
        """Return the parts of the picture to look at now; none when there is no need or no money.

        The first picture is looked at as a whole, and so is one every WHOLE_EVERY_MS, in an empty
        and still shop every QUIET_EVERY_MS.
        """
        self._earn(scene.at_ms)
        if self._purse_px < 0:
            return ()
        self._quiet = self._quiet and not scene.moving and not scene.held
        every_ms = QUIET_EVERY_MS if self._quiet else WHOLE_EVERY_MS
        if self._whole_ms is None or scene.at_ms - self._whole_ms >= every_ms:
            self._quiet = not scene.moving and not scene.held
            self._whole_ms = self._moving_ms = self._still_ms = scene.at_ms
            return self._paid([_whole(scene)])
        if scene.moving and scene.at_ms - self._moving_ms >= MOVING_EVERY_MS:
            self._moving_ms = scene.at_ms
            touched = [box for box in scene.held if _moves(box, scene.moving)]
            return self._paid(_joined([*scene.moving, *touched], scene))
        if scene.held and scene.at_ms - max(self._still_ms, self._moving_ms) >= STILL_EVERY_MS:
            self._still_ms = scene.at_ms
            return self._paid(_joined(scene.held, scene))
        return ()

    def _earn(self, at_ms: int) -> None:
        elapsed_ms = 0 if self._at_ms is None else max(0, at_ms - self._at_ms)
        self._at_ms = at_ms
        earned = self._purse_px + self._income_px_s * elapsed_ms / 1000
        self._purse_px = min(earned, SAVINGS_PX_MAX)

    def _paid(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        self._purse_px -= sum(part.cost_px for part in parts)
        return tuple(parts)


def _whole(scene: Scene) -> Part:
    width, height = scene.size
    return Part(box=Box(left=0, top=0, right=width, bottom=height), scale=scene.scale)


def _moves(box: Box, moving: Sequence[Box]) -> bool:
    return any(common_area(box, place) > 0 for place in moving)


def _joined(places: Sequence[Box], scene: Scene) -> list[Part]:
    """Return parts with room around each place, none of which overlap."""
    parts: list[Part] = []
    for place in places:
        part = _scaled(_with_room(place, scene), scene)
        while touching := [each for each in parts if _is_better_together(each, part, scene)]:
            for each in touching:
                parts.remove(each)
                part = _scaled(around(part.box, each.box), scene)
        parts.append(part)
    return parts if len(parts) <= PARTS_MAX else [_whole(scene)]


def _is_better_together(one: Part, other: Part, scene: Scene) -> bool:
    if common_area(one.box, other.box) > 0:
        return True
    together = _scaled(around(one.box, other.box), scene)
    return together.cost_px <= one.cost_px + other.cost_px


def _scaled(box: Box, scene: Scene) -> Part:
    """Return the part, at the scale at which the smallest person in it is still well seen."""
    smallest = min((held.height for held in scene.held if common_area(held, box)), default=0.0)
    scale = scene.scale if not smallest else min(scene.scale, PERSON_PX / smallest)
    return Part(box=box, scale=scale)


def _with_room(place: Box, scene: Scene) -> Box:
    width, height = scene.size
    room = max(MARGIN_PX / scene.scale, MARGIN_SHARE * min(place.width, place.height))
    part = place.padded(room)
    return Box(
        left=max(0.0, part.left),
        top=max(0.0, part.top),
        right=min(float(width), part.right),
        bottom=min(float(height), part.bottom),
    )
