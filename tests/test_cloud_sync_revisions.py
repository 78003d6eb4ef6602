from cloud_sync.intake.revisions import (
    UNKNOWN,
    UPDATE_TIMEOUT_MS,
    DownState,
    Span,
    due,
    on_applied,
    on_birth,
    on_sent,
)
from wire.messages import Applied, Birth

OWNER, FORMER = b"now", b"before"


def birth(applied: int, owner: bytes) -> Birth:
    return Birth(
        stream=b"s" * 16,
        session=1,
        nonce=b"n",
        head=0,
        watermark=0,
        applied=applied,
        owner=owner,
    )


def up_to(applied: int, revision: int) -> DownState:
    return DownState(owner=OWNER, revision=revision, applied=applied)


def test_a_new_store_is_sent_everything():
    assert due(DownState(owner=OWNER, revision=3), 0) == Span(0, 3, snapshot=True)


def test_what_the_store_has_is_not_sent_again():
    assert due(on_birth(DownState(owner=OWNER, revision=5), birth(5, OWNER)), 0) is None
    assert due(on_birth(DownState(owner=OWNER, revision=5), birth(3, OWNER)), 0) == Span(
        3, 5, snapshot=False
    )


def test_a_restored_cloud_counts_on_above_what_the_store_has_and_sends_everything():
    state = on_birth(DownState(owner=OWNER, revision=5), birth(9, FORMER))

    assert due(state, 0) == Span(0, 10, snapshot=True)


def test_an_update_is_repeated_until_it_is_applied():
    state = on_sent(up_to(3, 5), 5, 0)

    assert due(state, UPDATE_TIMEOUT_MS - 1) is None
    assert due(state, UPDATE_TIMEOUT_MS) == Span(3, 5, snapshot=False)
    assert due(on_applied(state, Applied(OWNER, 5), 10), UPDATE_TIMEOUT_MS) is None


def test_new_changes_go_out_while_older_ones_are_under_way():
    state = on_sent(up_to(3, 5), 4, 0)

    assert due(state, 1) == Span(4, 5, snapshot=False)


def test_a_stream_of_changes_does_not_put_off_the_repeat_of_a_lost_one():
    state = on_sent(up_to(0, 9), 1, 0)
    for revision in range(2, 9):
        state = on_sent(state, revision, revision * UPDATE_TIMEOUT_MS // 10)

    assert due(state, UPDATE_TIMEOUT_MS) == Span(0, 9, snapshot=False)


def test_a_store_that_says_it_has_less_asks_again():
    state = on_applied(up_to(5, 5), Applied(OWNER, 2), 0)

    assert due(state, 0) == Span(2, 5, snapshot=False)


def test_a_store_that_speaks_of_another_owner_is_sent_everything():
    state = on_applied(up_to(5, 5), Applied(FORMER, 7), 0)

    assert state.applied == UNKNOWN
    assert due(state, 0) == Span(0, 8, snapshot=True)


def test_a_store_that_asks_from_before_what_is_forgotten_is_sent_everything():
    state = DownState(owner=OWNER, revision=9, applied=9, forgotten=6)

    assert due(on_birth(state, birth(7, OWNER)), 0) == Span(7, 9, snapshot=False)
    assert due(on_birth(state, birth(5, OWNER)), 0) == Span(0, 9, snapshot=True)
    assert due(on_applied(state, Applied(OWNER, 5), 0), 0) == Span(0, 9, snapshot=True)


def test_a_snapshot_in_parts_goes_on_behind_what_is_forgotten():
    state = DownState(owner=OWNER, revision=9, forgotten=6)
    state = on_applied(on_sent(state, 3, 0), Applied(OWNER, 3), 1)

    assert due(state, 1) == Span(3, 9, snapshot=False)
