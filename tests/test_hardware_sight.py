"""A camera is judged by its own past; neither people nor lamps are taken for a fault of it."""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest

from hardware.cameras.frames import Pixels
from hardware.cameras.look import BANDS, SIZE, Look, look_at
from hardware.cameras.sight import SIGN_LOOKS, WELL_LOOKS, Sight
from tests.camera_pictures import seen, shop, turned, with_person

SHOP = shop()
USUAL = [look_at(seen(SHOP, number)) for number in range(40)]


def after(looks: Iterable[Look], sight: Sight | None = None) -> tuple[Sight, list[str]]:
    """A camera that has seen the shop for a while, and what it says of these looks."""
    if sight is None:
        sight = Sight()
        assert [sight.see(look) for look in USUAL] == [""] * len(USUAL)
    return sight, [sight.see(look) for look in looks]


def frames(change: Callable[[Pixels], Pixels], count: int) -> list[Look]:
    return [look_at(seen(change(SHOP), number)) for number in range(count)]


def blurred(picture: Pixels) -> Pixels:
    return cv2.GaussianBlur(picture, (0, 0), 3)


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("blurred", blurred),
        ("blurred", lambda picture: cv2.GaussianBlur(picture // 2, (0, 0), 2)),
        ("moved", turned),
        ("moved", lambda picture: turned(picture, 0.02)),
        ("moved", lambda picture: turned(picture, 0.0, 5)),
        ("blank", lambda picture: np.full_like(picture, 150)),
    ],
)
def test_a_fault_is_seen_soon_and_its_end_too(fault: str, change: Callable[[Pixels], Pixels]):
    sight, said = after(frames(change, 30))
    assert said[-1] == fault
    assert set(said) == {"", fault}
    assert said.index(fault) <= SIGN_LOOKS[fault] + 9
    _, said = after(USUAL, sight)
    assert said[-1] == ""
    assert said.index("") <= WELL_LOOKS + 9


def test_a_camera_turned_to_the_wall_behind_it_is_moved():
    other = shop(seed=7)
    _, said = after(look_at(seen(other, number)) for number in range(SIGN_LOOKS["turned"] + 15))
    assert set(said[: SIGN_LOOKS["turned"]]) == {""}
    assert said[-1] == "moved"


def lamp(picture: Pixels) -> Pixels:
    light = np.linspace(0.4, 1.3, picture.shape[1])[None, :, None]
    return np.clip(picture * light, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        lamp,
        lambda picture: (picture * 0.4).astype(np.uint8),
        lambda picture: np.clip(picture * 1.6, 0, 255).astype(np.uint8),
        lambda picture: (255 * (picture / 255) ** 0.5).astype(np.uint8),
        lambda picture: (picture * 0.05).astype(np.uint8),
    ],
    ids=["a lamp aside", "dim", "bright", "another exposure", "night"],
)
def test_lamps_that_are_switched_are_no_fault(change: Callable[[Pixels], Pixels]):
    _, said = after(frames(change, 80))
    assert set(said) == {""}


@pytest.mark.parametrize("wide", [0.3, 0.6, 0.9])
def test_people_who_stand_before_the_camera_are_no_fault(wide: float):
    _, said = after(
        look_at(seen(with_person(SHOP, number, who=number // 30, wide=wide), number))
        for number in range(150)
    )
    assert set(said) == {""}


def test_a_real_street_with_people_is_no_fault_and_its_moving_is_seen(sample_data):
    clip = cv2.VideoCapture(str(sample_data / "video" / "one-by-one-person-detection.mp4"))
    pictures = []
    while clip.grab():
        if len(pictures) * 10 <= clip.get(cv2.CAP_PROP_POS_FRAMES):
            pictures.append(clip.retrieve()[1])
    sight = Sight()
    assert {sight.see(look_at(picture)) for picture in pictures} == {""}
    height, width = pictures[0].shape[:2]
    aside = np.float32([[1, 0, 0.03 * width], [0, 1, 0]])
    moved = [cv2.warpAffine(picture, aside, (width, height)) for picture in pictures[:40]]
    assert [sight.see(look_at(picture)) for picture in moved][-1] == "moved"


def test_the_same_picture_again_and_again_is_a_frozen_one():
    still = look_at(seen(SHOP, 0))
    _, said = after([still] * (SIGN_LOOKS["frozen"] + 2))
    assert said[-1] == "frozen"
    assert said[SIGN_LOOKS["frozen"] - 2] == ""


def test_what_grows_dull_slowly_is_dull_in_the_end():
    sight, _ = after([])
    said = ""
    for step in range(200):
        sigma = 0.1 + step * 0.016
        said = sight.see(look_at(seen(cv2.GaussianBlur(SHOP, (0, 0), sigma), step)))
    assert said == "blurred"


def test_sharpness_does_not_depend_on_light_or_noise():
    sharp = [look_at(seen(change(SHOP), 1)).sharpness for change in (lambda p: p, lamp)]
    sharp.append(look_at((SHOP * 0.5).astype(np.uint8)).sharpness)
    dull = look_at(seen(blurred(SHOP), 1)).sharpness
    assert all(each is not None and dull is not None and each > 1.6 * dull for each in sharp)
    assert look_at(np.full((480, 640, 3), 90, np.uint8)).sharpness is None


def test_what_is_kept_of_a_picture_is_too_little_to_show_anybody():
    look = look_at(SHOP)
    numbers = look.columns.size + look.rows.size
    assert numbers < 0.05 * SIZE[0] * SIZE[1]
    assert look.columns.shape == (BANDS, SIZE[0] - 1)
    assert not any(array.base is not None for array in (look.columns, look.rows))


def test_a_look_takes_pictures_of_any_shape():
    for shape in ((1, 1), (3, 5, 3), (2000, 30), (30, 2000, 3)):
        look_at(np.zeros(shape, np.uint8))
