"""A costly detector looks where it must, for no more than its income."""

from dataclasses import replace
from itertools import pairwise

from hardware.people.detector import Box
from hardware.people.ration import (
    INCOME_PX_S,
    PERSON_PX,
    QUIET_EVERY_MS,
    STILL_EVERY_MS,
    WHOLE_EVERY_MS,
    Ration,
    Scene,
)

EMPTY = Scene(at_ms=0, size=(768, 576), scale=416 / 768, moving=(), held=())
PERSON = Box(left=300, top=200, right=360, bottom=380)


def spent_px_s(ration: Ration, scene: Scene, seconds: int) -> float:
    parts = [
        part for at in range(seconds * 10) for part in ration.parts(replace(scene, at_ms=at * 100))
    ]
    return sum(part.cost_px for part in parts) / seconds


def test_an_empty_and_still_shop_is_looked_at_every_few_seconds_only() -> None:
    ration = Ration()
    looks = [at for at in range(0, 180_000, 100) if ration.parts(replace(EMPTY, at_ms=at))]
    assert looks == list(range(0, 180_000, QUIET_EVERY_MS))


def test_where_something_has_moved_the_whole_is_looked_at_sooner() -> None:
    ration = Ration()
    ration.parts(EMPTY)
    ration.parts(replace(EMPTY, at_ms=1_000, moving=(PERSON,)))
    assert ration.parts(replace(EMPTY, at_ms=WHOLE_EVERY_MS - 100)) == ()
    (part,) = ration.parts(replace(EMPTY, at_ms=WHOLE_EVERY_MS))
    assert part.box.width == 768


def test_a_crowd_costs_no_more_than_the_income() -> None:
    crowd = tuple(PERSON.moved(dx, dy) for dx in (-280, -100, 80, 300) for dy in (-180, 0, 150))
    spent = spent_px_s(Ration(), replace(EMPTY, moving=crowd, held=crowd), 60)
    assert 0.8 * INCOME_PX_S < spent < 1.1 * INCOME_PX_S


def test_one_who_walks_is_looked_at_often_and_in_part_only() -> None:
    ration = Ration()
    scene = replace(EMPTY, moving=(PERSON,))
    looks = [
        parts for at in range(0, 5000, 100) if (parts := ration.parts(replace(scene, at_ms=at)))
    ]
    assert len(looks) > 20
    assert all(len(parts) == 1 and parts[0].box.width < 300 for parts in looks[1:])


def test_who_stands_is_looked_at_now_and_then() -> None:
    ration = Ration()
    scene = replace(EMPTY, held=(PERSON,))
    looks = [at for at in range(0, 9000, 100) if ration.parts(replace(scene, at_ms=at))]
    assert looks == list(range(0, 9000, STILL_EVERY_MS))


def test_large_people_are_looked_at_in_small() -> None:
    tall = Box(left=200, top=50, right=350, bottom=550)
    ration = Ration()
    ration.parts(replace(EMPTY, held=(tall,)))
    (part,) = ration.parts(replace(EMPTY, at_ms=2_000, held=(tall,)))
    assert part.scale == PERSON_PX / tall.height


def test_parts_do_not_overlap_and_stay_in_the_picture() -> None:
    ration = Ration()
    ration.parts(EMPTY)
    places = tuple(PERSON.moved(dx, 0) for dx in (-300, -285, 100, 420))
    parts = ration.parts(replace(EMPTY, at_ms=1000, moving=places))
    assert len(parts) > 1
    for part in parts:
        assert part.box.left >= 0
        assert part.box.right <= 768
    edges = sorted((part.box.left, part.box.right) for part in parts)
    assert all(one[1] <= other[0] for one, other in pairwise(edges))
