"""People are followed from look to look, and held where they were last seen."""

from dataclasses import replace

from hardware.people.detector import Box, Sight, Stood
from hardware.people.tracker import (
    HITS_MIN,
    HOLD_AT_EDGE_MS,
    HOLD_EMPTY_MS,
    HOLD_HIDDEN_MS,
    HOLD_MS,
    HOLD_STILL_MS,
    TRACKS_MAX,
    Track,
    Tracker,
)
from tests.sights import Moves, sight

SIZE = (640, 480)
EVERYWHERE = Box(left=0, top=0, right=640, bottom=480)


def person(x: float, y: float = 300, height: float = 150, score: float = 0.8) -> Box:
    return Box(left=x - 25, top=y - height, right=x + 25, bottom=y, score=score)


def seen(boxes: list[Box], at_ms: int) -> Sight:
    """Something moves all over the picture."""
    return sight(boxes, SIZE, Moves([(EVERYWHERE, at_ms)]))


def follow(tracker: Tracker, frames: list[list[Box]], from_ms: int = 0) -> tuple[Track, ...]:
    tracks: tuple[Track, ...] = ()
    for number, boxes in enumerate(frames):
        at_ms = from_ms + number * 100
        tracks = tracker.update(seen(boxes, at_ms), at_ms)
    return tuple(track for track in tracks if not track.over)


def left(tracker: Tracker, boxes: list[Box], at_ms: int) -> int:
    tracks = tracker.update(seen(boxes, at_ms), at_ms)
    return sum(not track.over for track in tracks)


def test_a_walking_person_keeps_one_number() -> None:
    tracks = follow(Tracker(SIZE), [[person(100 + 10 * n)] for n in range(20)])
    (track,) = tracks
    assert (track.number, track.hits, track.sure) == (1, 20, True)


def test_a_person_seen_twice_a_second_keeps_one_number() -> None:
    tracker = Tracker(SIZE)
    for at_ms in range(0, 5000, 500):
        tracks = tracker.update(seen([person(100 + at_ms / 10)], at_ms), at_ms)
    assert [track.number for track in tracks] == [1]


def test_two_people_who_pass_each_other_are_not_exchanged() -> None:
    tracks = follow(
        Tracker(SIZE), [[person(100 + 10 * n, 300), person(500 - 10 * n, 330)] for n in range(35)]
    )
    assert {track.number: track.box.bottom for track in tracks} == {1: 300, 2: 330}


def test_a_flicker_is_nobody() -> None:
    tracker = Tracker(SIZE)
    tracks = follow(tracker, [[person(100)]] * (HITS_MIN - 1))
    assert not any(track.sure for track in tracks)
    assert left(tracker, [], 10_000) == 0


def test_a_weak_box_begins_nobody_and_prolongs_somebody() -> None:
    tracker = Tracker(SIZE)
    assert follow(tracker, [[person(100, score=0.3)]] * 5) == ()
    follow(tracker, [[person(300)]] * 5, 1000)
    (track,) = follow(tracker, [[person(302, score=0.3)]] * 5, 1500)
    assert track.hits == 10


def test_a_poster_is_nobody_until_it_walks() -> None:
    tracker = Tracker(SIZE)
    for at_ms in range(0, 5000, 100):
        tracks = tracker.update(sight([person(300)], SIZE), at_ms)
    assert [track.sure for track in tracks] == [False]
    tracks = tracker.update(sight([person(345)], SIZE), 5100)
    assert [(track.sure, track.first_ms) for track in tracks] == [(True, 0)]


def test_a_lost_person_is_held_inside_and_soon_let_go_at_the_edge() -> None:
    for at, hold_ms in ((300, HOLD_MS), (20, HOLD_AT_EDGE_MS)):
        tracker = Tracker(SIZE)
        follow(tracker, [[person(at)]] * 10)
        assert left(tracker, [], 900 + hold_ms) == 1
        assert left(tracker, [], 901 + hold_ms) == 0


def test_a_hidden_person_is_held_while_somebody_stands_before_them() -> None:
    tracker = Tracker(SIZE)
    follow(tracker, [[person(255 + 5 * n), person(285 + 5 * n, 340)] for n in range(10)])
    last_ms = 900
    for at_ms in range(1000, 1000 + HOLD_HIDDEN_MS - 1000, 500):
        last_ms = at_ms
        assert left(tracker, [person(315, 340, 190)], at_ms) == 2
    assert left(tracker, [person(300), person(335, 340)], last_ms + 100) == 2


def test_a_motionless_person_is_never_lost_though_the_detector_misses_them() -> None:
    tracker = Tracker(SIZE)
    follow(tracker, [[person(300)]] * 10)
    for at_ms in range(1000, HOLD_STILL_MS, 10_000):
        (track,) = tracker.update(sight([], SIZE), at_ms)
        assert (track.over, track.there_ms) == (False, at_ms)


def test_at_the_edge_who_stands_is_held_and_who_walked_out_is_not() -> None:
    for came_from, held in ((20, 1), (100, 0)):
        tracker = Tracker(SIZE)
        follow(tracker, [[person(came_from + n * (20 - came_from) / 9)] for n in range(10)])
        for at_ms in range(1000, 10_000, 500):
            tracks = tracker.update(sight([], SIZE), at_ms)
        assert len(tracks) == held


def test_where_nobody_looked_nobody_is_missed() -> None:
    tracker = Tracker(SIZE)
    follow(tracker, [[person(300)]] * 10)
    blind = replace(seen([], 60_000), looked=())
    (track,) = tracker.update(blind, 60_000)
    assert not track.over


def test_a_crowd_beyond_the_limit_is_not_followed() -> None:
    boxes = [person(x * 5.0, 300 + x % 3) for x in range(TRACKS_MAX + 20)]
    assert len(Tracker(SIZE).update(seen(boxes, 0), 0)) == TRACKS_MAX


def test_the_end_is_told_of_everybody_once() -> None:
    tracker = Tracker(SIZE)
    follow(tracker, [[person(300)]] * 3)
    assert [track.over for track in tracker.finish()] == [True]
    assert tracker.finish() == ()


def test_where_only_the_shop_is_seen_nobody_is_held_though_nothing_moves() -> None:
    tracker = Tracker(SIZE)
    follow(tracker, [[person(300)]] * 10)
    empty = frozenset({person(300)})
    for at_ms in (1000, 900 + HOLD_EMPTY_MS, 1000 + HOLD_EMPTY_MS):
        tracks = tracker.update(replace(sight([], SIZE), empty=empty), at_ms)
    assert [track.over for track in tracks] == [True]


def test_who_was_there_before_they_were_noticed_has_stood_there_and_their_place_is_nobody() -> None:
    """The place differs from the shop that was learned with them in it, and stays behind."""
    tracker = Tracker(SIZE)
    follow(tracker, [[person(300), person(320 + 10 * n)] for n in range(20)], 8_000)
    stood = Stood(box=person(300), since_ms=0)
    gone = replace(seen([person(520)], 10_000), stood=(stood,))
    tracks = tracker.update(gone, 10_000)
    assert [track.void for track in tracks] == [True, False]
    assert tracks[1].stood is not None
    assert (tracks[1].stood.at_ms, tracks[1].stood.box) == (0, stood.box)
