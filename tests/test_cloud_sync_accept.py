import pytest

from cloud_sync.intake.accept import (
    HELD_RANGES_MAX,
    Held,
    StreamState,
    Unacceptable,
    accept,
    accept_poison,
    completeness,
    frozen,
    receipt_of,
)
from wire.codec import chain_all
from wire.events import Origin
from wire.messages import Absent, Batch

STREAM = b"s" * 16
FORMER = b"f" * 16
MANY = HELD_RANGES_MAX
ROWS = tuple(f"row {seq}".encode() for seq in range(1, 101))
CHAIN = [0, *chain_all(0, ROWS)]


def batch(first: int, last: int, *, absent=(), rows=ROWS, before=None) -> Batch:
    return Batch(
        stream=STREAM,
        first=first,
        lane="live",
        before=CHAIN[first - 1] if before is None else before,
        rows=rows[first - 1 : last],
        absent=absent,
    )


def after(*batches: Batch) -> StreamState:
    state = StreamState()
    for each in batches:
        state = accept(state, each).state
    return state


def receipt(state: StreamState):
    return receipt_of(state, stream=STREAM, owner=b"o", credit=4)


def test_rows_are_appended_once_with_their_chain_checksums():
    accepted = accept(after(batch(1, 3)), batch(2, 5))

    assert [(row.seq, row.checksum, row.row) for row in accepted.rows] == [
        (4, CHAIN[4], ROWS[3]),
        (5, CHAIN[5], ROWS[4]),
    ]
    assert not accept(accepted.state, batch(1, 5)).rows


def test_a_receipt_names_watermark_ranges_and_the_checksum_at_the_watermark():
    told = receipt(after(batch(1, 3), batch(8, 9), batch(12, 12)))

    assert (told.watermark, told.ranges, told.checksum) == (3, ((8, 9), (12, 12)), CHAIN[3])


def test_a_hole_in_the_beginning_keeps_the_watermark_at_zero():
    told = receipt(after(batch(4, 6)))

    assert (told.watermark, told.ranges, told.checksum) == (0, ((4, 6),), 0)


def test_ranges_join_when_the_hole_between_them_is_filled():
    assert after(batch(1, 3), batch(6, 9), batch(4, 5)).ranges == ((1, 9),)


@pytest.mark.parametrize(
    ("held", "strange"),
    [
        pytest.param(batch(1, 5), batch(6, 8, before=99), id="it does not go on from our end"),
        pytest.param(batch(1, 5), batch(4, 8, before=99), id="it runs over our end"),
        pytest.param(batch(6, 9), batch(1, 5, before=99), id="it ends before our beginning"),
        pytest.param(batch(4, 5), batch(2, 8, before=99), id="it covers our range"),
    ],
)
def test_a_stream_that_another_outbox_writes_is_forked(held: Batch, strange: Batch):
    accepted = accept(after(held), strange)

    assert accepted.verdict == "forked"
    assert not accepted.rows
    assert accepted.state.ranges == after(held).ranges


def test_a_forked_stream_takes_nothing_in_any_more():
    accepted = accept(frozen(after(batch(1, 3))), batch(4, 5))

    assert (accepted.verdict, len(accepted.rows)) == ("forked", 0)
    assert receipt(accepted.state).verdict == "forked"


def test_rows_recorded_again_are_skipped_if_held_and_freeze_their_former_stream():
    held, new = Origin(FORMER, 7, 70), Origin(FORMER, 8, 80)

    accepted = accept(StreamState(), batch(1, 3), {1: held, 2: new}, {held})

    assert [(row.seq, row.origin) for row in accepted.rows] == [(2, new), (3, None)]
    assert accepted.skipped == 1
    assert accepted.freeze == (FORMER,)
    assert accepted.state.watermark == 3


def test_two_rows_with_one_origin_in_one_batch_are_one_event():
    twice = Origin(FORMER, 7, 70)

    accepted = accept(StreamState(), batch(1, 2), {1: twice, 2: twice}, set())

    assert [row.seq for row in accepted.rows] == [1]


def test_the_same_seq_of_a_former_stream_with_another_checksum_is_another_event():
    accepted = accept(
        StreamState(), batch(1, 1), {1: Origin(FORMER, 7, 71)}, {Origin(FORMER, 7, 70)}
    )

    assert len(accepted.rows) == 1


def test_absent_rows_are_accounted_for_and_reported_once():
    gone = (Absent(4, 5, "evicted"), Absent(6, 6, "damaged"))
    accepted = accept(after(batch(1, 3)), batch(7, 8, absent=gone))

    assert accepted.absent == gone
    assert accepted.state.watermark == 8
    assert accept(accepted.state, batch(7, 8, absent=gone)).absent == ()
    assert completeness(accepted.state, 10) == (5, 3)


def test_absent_rows_alone_make_a_batch():
    accepted = accept(after(batch(1, 3)), batch(6, 5, absent=(Absent(4, 5, "expired"),)))

    assert accepted.state.watermark == 5
    assert receipt(accepted.state).checksum == CHAIN[5]


def test_a_row_that_turns_up_after_it_was_declared_absent_is_taken():
    state = accept(after(batch(1, 3)), batch(6, 6, absent=(Absent(4, 5, "evicted"),))).state

    late = accept(state, batch(4, 5))

    assert [row.seq for row in late.rows] == [4, 5]
    assert late.state.absent == ()
    assert not accept(late.state, batch(4, 5)).rows


def test_a_loss_is_reported_even_where_another_outbox_s_rows_stand_under_its_numbers():
    gone = (Absent(2, 6, "evicted"),)

    accepted = accept(after(batch(1, 3)), batch(7, 8, absent=gone))

    assert accepted.absent == gone
    assert accepted.state.absent == ((4, 6),)


def test_a_poisoned_batch_is_accounted_for_by_its_header():
    accepted = accept_poison(after(batch(1, 3)), 4, 2, CHAIN[3])

    assert (len(accepted.rows), accepted.state.watermark) == (0, 5)
    assert receipt(accepted.state).checksum == 0
    assert accept(accepted.state, batch(6, 8)).state.watermark == 8


def test_a_stream_in_too_many_pieces_takes_no_new_piece_but_fills_holes():
    state = StreamState(held=tuple(Held(at, at, 0, 0) for at in range(3, 3 + 3 * MANY, 3)))

    beyond = accept(state, batch(1, 1))

    assert beyond.full
    assert (len(beyond.rows), beyond.state) == (0, state)
    assert len(accept(state, batch(4, 5)).rows) == 2


@pytest.mark.parametrize(
    "contradiction",
    [
        pytest.param(batch(4, 3), id="nothing at all"),
        pytest.param(batch(9, 9, absent=(Absent(4, 6, "evicted"),)), id="rows not after absent"),
        pytest.param(
            batch(7, 7, absent=(Absent(3, 4, "evicted"), Absent(6, 6, "evicted"))), id="a gap"
        ),
        pytest.param(batch(4, 4, absent=(Absent(5, 3, "evicted"),)), id="backwards"),
    ],
)
def test_a_batch_that_contradicts_itself_is_for_quarantine(contradiction: Batch):
    with pytest.raises(Unacceptable):
        accept(StreamState(), contradiction)
