"""Walks drawn from a seed: visitors who come and go as they like, some there from the beginning."""

from dataclasses import dataclass

import numpy as np

from hardware.people.zones import Point
from storebridge.simulated.scenery import Size
from storebridge.simulated.walks import SPEED_PX_S, Stop, Walk

# Out of sight beside the picture, so that nobody appears or vanishes within it.
ASIDE_PX = 60.0
STOPS_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitors:
    """How many come in which time, and how long they stand at what they look at.

    `there` of them stand in the picture when it begins. `pair_share` of the others come with
    somebody who goes and stands beside them.
    """

    count: int = 6
    there: int = 0
    until_s: float = 60.0
    wait_s: tuple[float, float] = (3.0, 15.0)
    pair_share: float = 0.0


def draw_visitors(size: Size, visitors: Visitors, *, seed: int) -> list[Walk]:
    """Return the walks; everybody is out of the picture again some time after `until_s`."""
    rng = np.random.default_rng([seed, 21])
    walks: list[Walk] = []
    while len(walks) < visitors.count:
        is_there = len(walks) < visitors.there
        starts_s = 0.0 if is_there else float(rng.uniform(1.0, visitors.until_s * 0.75))
        stops = [
            Stop(at=_place(size, rng), wait_s=float(rng.uniform(*visitors.wait_s)))
            for _ in range(int(rng.integers(1, STOPS_MAX + 1)))
        ]
        ways = [_outside(size, rng) for _ in range(2)]
        coming = [] if is_there else [Stop(at=ways[0])]
        walk = Walk(
            starts_s=starts_s,
            stops=(*coming, *stops, Stop(at=ways[1])),
            looks=int(rng.integers(0, 1000)),
            speed_px_s=SPEED_PX_S * float(rng.uniform(0.8, 1.3)),
        )
        walks.append(walk)
        if not is_there and rng.random() < visitors.pair_share:
            walks.append(_beside(walk, float(rng.uniform(45, 75)), int(rng.integers(0, 1000))))
    return walks


def _place(size: Size, rng: np.random.Generator) -> Point:
    width, height = size
    return width * float(rng.uniform(0.15, 0.85)), height * float(rng.uniform(0.5, 0.95))


def _outside(size: Size, rng: np.random.Generator) -> Point:
    width, height = size
    x = -ASIDE_PX if rng.random() < 0.5 else width + ASIDE_PX
    return x, height * float(rng.uniform(0.55, 0.95))


def _beside(walk: Walk, apart_px: float, looks: int) -> Walk:
    """Return the walk of somebody who goes the same way, `apart_px` to the right."""
    stops = tuple(
        Stop(at=(stop.at[0] + apart_px, stop.at[1]), wait_s=stop.wait_s) for stop in walk.stops
    )
    return Walk(starts_s=walk.starts_s, stops=stops, looks=looks, speed_px_s=walk.speed_px_s)
