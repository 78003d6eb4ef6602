"""The newest frame wins, and every frame is given once."""

import threading

import numpy as np
import pytest

from hardware.cameras.frames import FrameSlot, SourceEndedError


def picture(shade: int) -> np.ndarray:
    return np.full((2, 2, 3), shade, np.uint8)


def test_the_newest_frame_wins_and_the_dropped_are_counted() -> None:
    slot = FrameSlot()
    for shade in (1, 2, 3):
        slot.put(picture(shade))
    frame = slot.take(0)
    assert frame is not None
    assert (frame.number, int(frame.pixels[0, 0, 0]), slot.dropped, slot.taken) == (3, 3, 2, 3)
    assert slot.take(0) is None


def test_a_frame_put_with_patience_is_not_dropped() -> None:
    slot = FrameSlot()
    numbers: list[int] = []

    def put_all() -> None:
        for shade in range(50):
            slot.put(picture(shade), wait_s=30)

    thread = threading.Thread(target=put_all)
    thread.start()
    while len(numbers) < 50:
        frame = slot.take(30)
        assert frame is not None
        numbers.append(frame.number)
    thread.join()
    assert numbers == list(range(1, 51))
    assert slot.dropped == 0


def test_a_failure_comes_after_the_frame_that_waits() -> None:
    slot = FrameSlot()
    slot.put(picture(1))
    slot.fail(SourceEndedError("the end"))
    assert slot.take(0) is not None
    with pytest.raises(SourceEndedError):
        slot.take(0)


def test_opening_forgets_what_came_before() -> None:
    slot = FrameSlot()
    slot.put(picture(1))
    slot.open()
    assert slot.take(0) is None
