"""People who walk through a drawn shop, stand at things and leave, with the exact truth of it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from hardware.cameras.frames import Pixels
from hardware.people.zones import Point, Polygon, ZoneMap, crossing
from storebridge.simulated.scenery import Size, expose

SPEED_PX_S = 90.0
CLOTHES = (
    (150, 60, 40),
    (60, 60, 160),
    (50, 110, 60),
    (40, 40, 40),
    (130, 90, 140),
    (30, 110, 180),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A place on the floor that somebody walks to, and how long they stand there."""

    at: Point
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One person's way through the picture; they are there from the first stop to the last."""

    starts_s: float
    stops: tuple[Stop, ...]
    looks: int = 0
    speed_px_s: float = SPEED_PX_S

    @property
    def ends_s(self) -> float:
        """Return when the person has left."""
        walked = sum(math.dist(a.at, b.at) for a, b in pairwise(self.stops))
        return self.starts_s + walked / self.speed_px_s + sum(stop.wait_s for stop in self.stops)

    def foot(self, at_s: float) -> tuple[Point, bool] | None:
        """Return where the person stands then and whether they walk; None when not there."""
        left_s = at_s - self.starts_s
        if left_s < 0:
            return None
        for here, there in pairwise(self.stops):
            if left_s < here.wait_s:
                return here.at, False
            left_s -= here.wait_s
            takes_s = math.dist(here.at, there.at) / self.speed_px_s
            if left_s < takes_s:
                share = left_s / takes_s
                (x1, y1), (x2, y2) = here.at, there.at
                return (x1 + share * (x2 - x1), y1 + share * (y2 - y1)), True
            left_s -= takes_s
        return (self.stops[-1].at, False) if left_s < self.stops[-1].wait_s else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueStay:
    """Exactly when somebody's foot was in a zone."""

    zone: str
    enter_s: float
    leave_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really happened: every stay, and per line how many went in and out."""

    stays: tuple[TrueStay, ...]
    passages: Mapping[str, tuple[int, int]]


class WalkScene:
    """A floor seen from above the door, with people on it.

    `walks` may grow while the scene plays; `frame` draws any moment of it.
    """

    def __init__(self, size: Size = (640, 480), seed: int = 0, walks: Sequence[Walk] = ()) -> None:
        self.size = size
        self.walks = list(walks)
        self._seed = seed
        self._floor = _floor(size, seed)

    def frame(self, at_s: float) -> Pixels:
        """Return the picture at this time of the scene."""
        picture = self._floor.copy()
        present = [(walk, foot) for walk in self.walks if (foot := walk.foot(at_s)) is not None]
        for walk, (at, walking) in sorted(present, key=lambda one: one[1][0][1]):
            _draw_person(picture, at, walking=walking, at_s=at_s, looks=walk.looks)
        moment = np.random.default_rng([self._seed, round(at_s * 1000)])
        # Lamps flicker a little; a camera that watches a floor does not shake.
        return expose(picture, moment, strength=0.3, light=(0.97, 1.03))

    def truth(self, zones: ZoneMap, *, until_s: float, step_s: float = 0.01) -> Truth:
        """Return what happens until then, from the walks alone and not from any picture."""
        stays: list[TrueStay] = []
        turns: list[tuple[str, int]] = []
        times = [step * step_s for step in range(round(until_s / step_s) + 1)]
        for walk in self.walks:
            feet = [there[0] if (there := walk.foot(at_s)) is not None else None for at_s in times]
            stays += _stays(zones, times, feet)
            turns += [
                (name, crossing(line, before, after))
                for before, after in pairwise(feet)
                if before is not None and after is not None
                for name, line in zones.lines.items()
            ]
        stays.sort(key=lambda stay: (stay.enter_s, stay.zone))
        passages = {name: (turns.count((name, 1)), turns.count((name, -1))) for name in zones.lines}
        return Truth(stays=tuple(stays), passages=passages)


def _stays(
    zones: ZoneMap, times: Sequence[float], feet: Sequence[Point | None]
) -> Iterator[TrueStay]:
    """Yield the stays of one person whose foot was at these places at these times."""
    inside: dict[str, float] = {}
    for at_s, foot in zip(times, feet, strict=True):
        here = zones.zones_at(foot) if foot is not None else frozenset[str]()
        for name in inside.keys() - here:
            yield TrueStay(zone=name, enter_s=inside.pop(name), leave_s=at_s)
        for name in here - inside.keys():
            inside[name] = at_s
    for name, since_s in inside.items():
        yield TrueStay(zone=name, enter_s=since_s, leave_s=times[-1])


def visit_walk(size: Size, polygon: Polygon, *, starts_s: float, stay_s: float, seed: int) -> Walk:
    """Return the walk of somebody who comes in at the left, stands in the zone, leaves right."""
    rng = np.random.default_rng([seed, 7])
    width, height = size
    stand = (
        sum(x for x, _ in polygon) / len(polygon) + float(rng.uniform(-8, 8)),
        sum(y for _, y in polygon) / len(polygon) + float(rng.uniform(-6, 6)),
    )
    door_y = height * float(rng.uniform(0.8, 0.92))
    return Walk(
        starts_s=starts_s,
        stops=(
            Stop(at=(-50.0, door_y)),
            Stop(at=stand, wait_s=stay_s),
            Stop(at=(width + 50.0, door_y)),
        ),
        looks=int(rng.integers(0, 1000)),
        speed_px_s=SPEED_PX_S * float(rng.uniform(0.85, 1.25)),
    )


def side_by_side(size: Size, *, at: Point, apart_px: float, wait_s: float, seed: int) -> list[Walk]:
    """Return the walks of two who come in one behind the other and stand beside each other."""
    rng = np.random.default_rng([seed, 8])
    return [
        Walk(
            starts_s=1.0 + 1.8 * n,
            stops=(
                Stop(at=(-50.0, at[1])),
                Stop(at=(at[0] + apart_px * (0.5 - n), at[1]), wait_s=wait_s),
                Stop(at=(size[0] + 50.0, at[1])),
            ),
            looks=int(rng.integers(0, 1000)),
        )
        for n in range(2)
    ]


def crossing_walks(size: Size, *, at: Point, wait_s: float, passers: int, seed: int) -> list[Walk]:
    """Return the walks of somebody who stands, and of passers-by who walk before them both ways."""
    rng = np.random.default_rng([seed, 9])
    walks = [
        Walk(
            starts_s=1.0,
            stops=(Stop(at=(-50.0, at[1])), Stop(at=at, wait_s=wait_s), Stop(at=(-50.0, at[1]))),
            looks=int(rng.integers(0, 1000)),
        )
    ]
    for n in range(passers):
        ends = [-50.0, size[0] + 50.0][:: 1 if n % 2 else -1]
        floor_y = at[1] + float(rng.uniform(20, 60))
        walks.append(
            Walk(
                starts_s=7.0 + 5 * n,
                stops=(Stop(at=(ends[0], floor_y)), Stop(at=(ends[1], floor_y))),
                looks=int(rng.integers(0, 1000)),
                speed_px_s=SPEED_PX_S * float(rng.uniform(1.0, 1.4)),
            )
        )
    return walks


def _floor(size: Size, seed: int) -> Pixels:
    """Return the empty shop: a wall above, floorboards below."""
    width, height = size
    rng = np.random.default_rng([seed, 3])
    picture = np.empty((height, width, 3), np.uint8)
    wall = height // 3
    picture[:wall] = (205, 210, 214)
    x = 0
    while x < width:
        board = int(rng.integers(18, 40))
        tone = int(rng.integers(-12, 13))
        picture[wall:, x : x + board] = (110 + tone, 150 + tone, 180 + tone)
        x += board
    cv2.rectangle(picture, (0, wall - 6), (width, wall), (120, 120, 125), cv2.FILLED)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.2), np.uint8)


def _draw_person(picture: Pixels, foot: Point, *, walking: bool, at_s: float, looks: int) -> None:
    """Draw a person standing at `foot`; the lower in the picture, the nearer and larger."""
    size = 0.25 + 0.25 * max(0.0, foot[1] / picture.shape[0])
    tall = size * picture.shape[0]
    pace = at_s * 9 + looks
    # Nobody stands still: weight shifts from foot to foot, the head turns.
    lean = 0.02 * tall * math.sin(pace) if walking else 0.012 * tall * math.sin(at_s * 1.3 + looks)
    stride = 0.10 * tall * math.sin(pace) if walking else 0.04 * tall
    x, y = foot
    coat = CLOTHES[looks % len(CLOTHES)]
    hip = (round(x + lean / 2), round(y - 0.45 * tall))
    ground = (round(x), round(y))
    shadow = picture.copy()
    axes = (round(0.16 * tall), round(0.04 * tall))
    cv2.ellipse(shadow, ground, axes, 0, 0, 360, (60, 60, 60), cv2.FILLED)
    cv2.addWeighted(shadow, 0.35, picture, 0.65, 0, dst=picture)
    for side in (-1, 1):
        leg = (round(x + side * stride), round(y))
        cv2.line(picture, hip, leg, (60, 45, 40), max(3, round(0.08 * tall)))
    shoulders = (round(x + lean), round(y - 0.62 * tall))
    body = (round(0.13 * tall), round(0.24 * tall))
    cv2.ellipse(picture, shoulders, body, 0, 0, 360, coat, cv2.FILLED)
    for side in (-1, 1):
        hand = (round(x + side * 0.15 * tall + stride * side / 2), round(y - 0.42 * tall))
        shoulder = (round(x + lean + side * 0.10 * tall), round(y - 0.74 * tall))
        cv2.line(picture, shoulder, hand, coat, max(3, round(0.05 * tall)))
    head = (round(x + 1.5 * lean), round(y - 0.92 * tall))
    cv2.circle(picture, head, max(2, round(0.08 * tall)), (50, 60, 80), cv2.FILLED)
