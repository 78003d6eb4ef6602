import threading
import time

from cloud_sync.intake.waiting import CREDIT_MAX, QUIET_S, Waiting

LIVE, BACK = "sb/acme/up/01/s1/live", "sb/acme/up/01/s1/back"


def take(waiting: Waiting, timeout_s: float = 0) -> list[bytes]:
    messages = waiting.take(live_max=4, back_busy=1, back_quiet=3, timeout_s=timeout_s)
    return [payload for _, payload in messages]


def test_live_messages_pass_the_backlog_and_the_backlog_gets_its_share() -> None:
    waiting = Waiting(live_max=10, back_max=10, full_wait_s_max=0)
    for number in range(6):
        waiting.put(BACK, b"back %d" % number)
    assert take(waiting) == [b"back 0", b"back 1", b"back 2"]
    waiting.put(LIVE, b"live")
    assert take(waiting) == [b"live", b"back 3"]
    waiting.hurry()
    assert take(waiting) == [b"back 4"]


def test_only_who_is_named_by_a_live_event_slows_the_backlog_down() -> None:
    waiting = Waiting(live_max=10, back_max=10, full_wait_s_max=0)
    for number in range(6):
        waiting.put(BACK, b"back %d" % number)
    waiting.put("sb/acme/beat/01/s1", b"beat")
    assert waiting.quiet_s() > QUIET_S
    assert take(waiting) == [b"beat", b"back 0", b"back 1", b"back 2"]
    waiting.put(LIVE, b"a door")
    assert waiting.quiet_s() == 0
    assert take(waiting) == [b"a door", b"back 3"]
    assert waiting.quiet_s() > QUIET_S
    waiting.hurry()
    assert waiting.quiet_s() < QUIET_S


def test_a_full_lane_drops_after_its_wait_and_leaves_the_other_alone() -> None:
    waiting = Waiting(live_max=1, back_max=1, full_wait_s_max=0.01)
    for _ in range(3):
        waiting.put(BACK, b"back")
    waiting.put(LIVE, b"live")
    assert waiting.dropped == 2
    assert take(waiting) == [b"live", b"back"]


def test_who_waits_for_room_goes_on_when_there_is_some() -> None:
    waiting = Waiting(live_max=1, back_max=1, full_wait_s_max=30)
    waiting.put(LIVE, b"1")
    link = threading.Thread(target=waiting.put, args=(LIVE, b"2"))
    link.start()
    taken: list[bytes] = []
    end = time.monotonic() + 20
    while len(taken) < 2 and time.monotonic() < end:
        taken += take(waiting, timeout_s=1)
    link.join()
    assert taken == [b"1", b"2"]
    assert waiting.dropped == 0


def test_closing_ends_every_wait() -> None:
    waiting = Waiting(live_max=1, back_max=1, full_wait_s_max=60)
    waiting.put(LIVE, b"1")
    link = threading.Thread(target=waiting.put, args=(LIVE, b"2"))
    link.start()
    waiting.close()
    link.join(timeout=20)
    assert not link.is_alive()
    assert take(waiting, timeout_s=60) == [b"1"]


def test_credit_shrinks_with_the_queue_and_is_never_none() -> None:
    roomy = Waiting(live_max=1, back_max=10 * CREDIT_MAX, full_wait_s_max=0)
    assert roomy.credit() == CREDIT_MAX
    waiting = Waiting(live_max=1, back_max=8, full_wait_s_max=0)
    assert waiting.credit() == 8
    seen = []
    for _ in range(8):
        waiting.put(BACK, b"back")
        seen.append(waiting.credit())
    assert seen == [3, 3, 2, 2, 1, 1, 1, 1]


def test_the_live_lane_says_at_once_that_somebody_has_come() -> None:
    came: list[str] = []
    waiting = Waiting(
        live_max=1, back_max=1, full_wait_s_max=0, on_live=lambda: came.append("somebody")
    )
    waiting.put(BACK, b"1")
    assert came == []
    waiting.put(LIVE, b"2")
    waiting.put(LIVE, b"this one is dropped")
    assert came == ["somebody"]
