"""People are followed from frame to frame, and held where they were last seen."""

from hardware.detector import Box
from hardware.tracker import (
    HITS_MIN,
    HOLD_AT_EDGE_MS,
    HOLD_HIDDEN_MS,
    HOLD_MS,
    TRACKS_MAX,
    Track,
    Tracker,
)

SIZE = (640, 480)


def person(x: float, y: float = 300, height: float = 150) -> Box:
    return Box(left=x - 25, top=y - height, right=x + 25, bottom=y)


def follow(tracker: Tracker, frames: list[list[Box]], from_ms: int = 0) -> tuple[Track, ...]:
    tracks: tuple[Track, ...] = ()
    for number, boxes in enumerate(frames):
        tracks = tracker.update(boxes, from_ms + number * 100)
    return tracks


def test_a_walking_person_keeps_one_number_and_stands_at_the_lower_edge() -> None:
    tracks = follow(Tracker(SIZE), [[person(100 + 10 * n)] for n in range(20)])
    (track,) = tracks
    assert (track.number, track.hits) == (1, 20)
    assert abs(track.foot[0] - 290) < 15
    assert track.foot[1] == 300


def test_two_people_who_pass_at_a_distance_are_not_exchanged() -> None:
    tracks = follow(
        Tracker(SIZE), [[person(100 + 10 * n, 200), person(500 - 10 * n, 400)] for n in range(35)]
    )
    assert {track.number: round(track.foot[1]) for track in tracks} == {1: 200, 2: 400}


def test_a_flicker_is_nobody() -> None:
    tracker = Tracker(SIZE)
    tracks = follow(tracker, [[person(100)]] * (HITS_MIN - 1))
    assert not any(track.sure for track in tracks)
    assert tracker.update([], 10_000) == ()


def test_a_lost_person_is_held_inside_and_soon_let_go_at_the_edge() -> None:
    for at, hold_ms in ((300, HOLD_MS), (20, HOLD_AT_EDGE_MS)):
        tracker = Tracker(SIZE)
        follow(tracker, [[person(at)]] * 10)
        assert len(tracker.update([], 900 + hold_ms)) == 1
        assert tracker.update([], 901 + hold_ms) == ()


def test_a_hidden_person_is_held_while_somebody_stands_before_them() -> None:
    tracker = Tracker(SIZE)
    follow(tracker, [[person(300), person(330, 340)]] * 10)
    last_ms = 900
    for at_ms in range(1000, 1000 + HOLD_HIDDEN_MS - 1000, 500):
        last_ms = at_ms
        assert len(tracker.update([person(315, 340, 190)], at_ms)) == 2
    assert len(tracker.update([person(300), person(335, 340)], last_ms + 100)) == 2


def test_feet_below_the_picture_are_guessed_from_the_height_of_people() -> None:
    tracker = Tracker(SIZE)
    follow(tracker, [[person(300)]] * 20)
    cut = Box(left=275, top=400, right=325, bottom=480)
    (track,) = [one for one in follow(tracker, [[cut]] * 20, 90_000) if one.first_ms >= 90_000]
    assert track.foot[1] > 500


def test_a_crowd_beyond_the_limit_is_not_followed() -> None:
    boxes = [person(x * 5.0, 300 + x % 3) for x in range(TRACKS_MAX + 20)]
    assert len(Tracker(SIZE).update(boxes, 0)) == TRACKS_MAX
