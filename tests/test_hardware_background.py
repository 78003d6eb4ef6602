"""The fallback detector keeps standing people and learns furniture, light and shadows away."""

import cv2
import numpy as np

from hardware.cameras.frames import Frame, Pixels
from hardware.people.background import STILL_S_MAX, BackgroundDetector
from hardware.people.detector import Box

FLOOR = np.asarray(
    cv2.resize(np.random.default_rng(5).integers(90, 190, (24, 32, 3), np.uint8), (320, 240)),
    np.uint8,
)


def with_person(sway: int = 0) -> Pixels:
    picture = FLOOR.copy()
    cv2.ellipse(picture, (160 + sway, 140), (20, 60), 0, 0, 360, (20, 30, 200), cv2.FILLED)
    return picture


def detect(detector: BackgroundDetector, pixels: Pixels, at_s: float) -> list[Box]:
    frame = Frame(pixels=pixels, at_mono_ms=round(at_s * 1000), number=1)
    return list(detector.look(frame, [Box(left=130, top=70, right=190, bottom=210)]).boxes)


def test_a_person_who_stands_for_minutes_stays_seen() -> None:
    detector = BackgroundDetector()
    detect(detector, FLOOR, 0)
    for second in range(1, 120):
        (box,) = detect(detector, with_person(sway=second % 3), second)
        assert abs(box.centre[0] - 160) < 12
        assert box.height > 90


def test_a_thing_left_behind_becomes_furniture() -> None:
    detector = BackgroundDetector()
    detect(detector, FLOOR, 0)
    seen = [bool(detect(detector, with_person(), second)) for second in range(1, 60)]
    assert seen[0]
    assert not any(seen[round(STILL_S_MAX) + 1 :])


def test_light_switched_on_is_nobody() -> None:
    detector = BackgroundDetector()
    detect(detector, FLOOR // 3, 0)
    assert [detect(detector, FLOOR, at) for at in (1, 2, 3)] == [[], [], []]
    brighter = np.asarray(cv2.convertScaleAbs(FLOOR, alpha=1.2), np.uint8)
    assert detect(detector, brighter, 4) == []


def test_a_soft_shadow_is_nobody() -> None:
    detector = BackgroundDetector()
    detect(detector, FLOOR, 0)
    shadowed = FLOOR.copy()
    shadowed[60:200, 100:160] = (shadowed[60:200, 100:160] * 0.72).astype(np.uint8)
    assert detect(detector, shadowed, 1) == []


def test_a_camera_that_changes_its_size_starts_afresh() -> None:
    detector = BackgroundDetector()
    detect(detector, FLOOR, 0)
    assert detect(detector, FLOOR[:100], 1) == []
