from edge_agent.delivery import delivery
from edge_agent.delivery.delivery import DeliveryLimits, DeliveryState, Plan
from wire.messages import Absent, Change, Receipt, Update

STREAM, OWNER, NONCE = b"s" * 16, b"owner", b"nonce"
LIMITS = DeliveryLimits(
    rows_per_batch_max=10,
    live_batches_max=2,
    back_batches_max=3,
    ranges_max=3,
    receipt_timeout_ms=1_000,
    receipt_timeout_ms_max=4_000,
    birth_timeout_ms=1_000,
)


def online(*, head: int, live_from: int | None = None, **known) -> DeliveryState:
    state = DeliveryState(stream=STREAM, head=head, owner=OWNER, **known)
    state = delivery.on_connected(state, 0, NONCE, live_from)
    return heard(state, receipt(state.watermark, state.ranges, nonce=NONCE))


def receipt(watermark: int, ranges=(), **parts) -> Receipt:
    told = {"owner": OWNER, "stream": STREAM, "credit": 2, "checksum": watermark} | parts
    return Receipt(watermark=watermark, ranges=ranges, **told)


def own_chain(seq: int) -> int | None:
    """The checksum of each row is its seq, in these tests."""
    return seq


def heard(state: DeliveryState, told: Receipt) -> DeliveryState:
    return delivery.on_receipt(state, told, own_chain)[0]


def sent(state: DeliveryState, now_ms: int = 0) -> tuple[DeliveryState, list[Plan]]:
    plans = []
    while True:
        state, plan = delivery.next_batch(state, now_ms, LIMITS)
        if plan is None:
            return state, plans
        plans.append(plan)


def spans(plans: list[Plan]) -> list[tuple[str, int, int]]:
    return [(plan.lane, plan.first, plan.last) for plan in plans]


def test_the_newest_rows_pass_a_backlog_which_gets_its_share():
    state = delivery.on_recorded(online(head=1_000), 1_003)

    _, plans = sent(state)

    assert spans(plans) == [("live", 1_001, 1_003), ("back", 1, 10), ("back", 11, 20)]


def test_sending_waits_for_receipts_within_its_windows():
    state, plans = sent(online(head=1_000, live_from=900))
    assert len(plans) == 4

    state = heard(state, receipt(plans[2].last))

    assert len(sent(state)[1]) == 1


def test_more_new_rows_than_can_be_sent_join_the_backlog_so_that_the_newest_go_first():
    _, plans = sent(delivery.on_recorded(online(head=0), 50))

    assert spans(plans)[:2] == [("live", 31, 40), ("live", 41, 50)]


def test_a_stream_in_many_pieces_is_broken_no_further():
    pieces = ((3, 3), (5, 5), (7, 7))

    _, plans = sent(delivery.on_recorded(online(head=10, ranges=pieces), 90))

    assert spans(plans)[:2] == [("live", 11, 20), ("live", 21, 30)]


def test_sending_counts_nothing_as_received():
    state, _ = sent(online(head=5))

    assert (state.watermark, state.ranges) == (0, ())


def test_rows_without_a_receipt_are_sent_again_each_time_later():
    state, first = sent(online(head=5))
    assert sent(state, 999)[1] == []
    state, again = sent(state, 1_000)
    assert spans(again) == spans(first)
    assert sent(state, 2_999)[1] == []
    assert spans(sent(state, 3_000)[1]) == spans(first)


def test_what_was_under_way_when_the_line_broke_is_sent_again():
    state, first = sent(online(head=5))
    state = delivery.on_disconnected(state)
    assert sent(state)[1] == []

    assert spans(sent(delivery.on_connected(state, 5, NONCE))[1]) == spans(first)


def test_a_plan_that_could_not_be_sent_waits():
    state, plan = delivery.next_batch(online(head=5), 0, LIMITS)
    assert plan is not None

    assert spans(sent(delivery.on_unsent(state, plan))[1]) == [("back", 1, 5)]


def test_rows_that_are_gone_are_declared_before_the_rows_after_them():
    gone = (Absent(3, 4, "evicted"), Absent(5, 5, "damaged"))

    _, plans = sent(online(head=8, watermark=2, absent=gone))

    assert plans == [Plan("back", 6, 8, gone)]


def test_a_batch_ends_before_rows_that_are_gone():
    _, plans = sent(online(head=8, absent=(Absent(5, 8, "expired"),)))

    assert plans == [Plan("back", 1, 4), Plan("back", 9, 8, (Absent(5, 8, "expired"),))]


def test_pruned_rows_that_a_restored_cloud_asks_for_are_declared_expired():
    state = online(head=8, watermark=8, first_kept=6)
    state = delivery.on_birth(state, 0, b"again")
    state = heard(state, receipt(2, nonce=b"again", owner=b"restored"))

    assert sent(state)[1] == [Plan("back", 6, 8, (Absent(3, 5, "expired"),))]


def test_an_unknown_owner_moves_nothing_and_is_asked_by_a_birth():
    state = online(head=8, watermark=5)

    after, outcome = delivery.on_receipt(state, receipt(7, owner=b"stranger"), own_chain)

    assert (after, outcome) == (state, "birth")


def test_only_the_answer_to_our_birth_lowers_the_watermark():
    state = online(head=8, watermark=5)
    assert heard(state, receipt(2)).watermark == 5
    assert heard(state, receipt(2, nonce=NONCE)).watermark == 5

    state = heard(delivery.on_birth(state, 0, b"new"), receipt(2, nonce=b"new", owner=b"restored"))

    assert (state.watermark, state.owner, state.nonce) == (2, b"restored", b"")


def test_the_word_of_the_owner_before_is_void_once_a_new_one_has_answered():
    state = delivery.on_birth(online(head=8, watermark=5), 0, b"new")
    state = heard(state, receipt(2, nonce=b"new", owner=b"restored"))

    assert heard(state, receipt(5)).watermark == 2


def test_what_was_under_way_to_a_killed_worker_goes_to_the_next_as_soon_as_it_answers():
    state, plans = sent(delivery.on_recorded(online(head=0), 20))
    assert len(plans) == 2
    assert sent(state, now_ms=500)[1] == []

    state = delivery.on_birth(state, 500, b"new")
    again = heard(state, receipt(10, nonce=b"new", owner=b"next"))

    assert spans(sent(again, now_ms=510)[1]) == [("live", 11, 20)]
    same = heard(state, receipt(0, nonce=b"new"))
    assert sent(same, now_ms=510)[1] == [], "the same owner has it still"


def test_late_receipts_take_nothing_back():
    state = heard(online(head=20), receipt(9, ((12, 14),)))

    state = heard(state, receipt(4, ((6, 6),)))

    assert (state.watermark, state.ranges) == (9, ((12, 14),))


def test_a_birth_is_repeated_until_it_is_answered():
    state = delivery.on_connected(DeliveryState(stream=STREAM), 0, NONCE)
    assert not delivery.birth_due(state, 999, LIMITS)
    assert delivery.birth_due(state, 1_000, LIMITS)
    state = delivery.on_birth(state, 1_000, NONCE)
    assert not delivery.birth_due(state, 2_999, LIMITS)

    assert not delivery.birth_due(heard(state, receipt(0, nonce=NONCE)), 9_999, LIMITS)


def test_a_cloud_that_is_ahead_of_the_store_knows_another_outbox():
    for told in (receipt(9), receipt(2, ((8, 9),))):
        state, outcome = delivery.on_receipt(online(head=8), told, own_chain)

        assert outcome == "forked"
        assert sent(state)[1] == []


def test_another_checksum_at_the_watermark_is_of_another_outbox():
    outcome = delivery.on_receipt(online(head=8), receipt(5, checksum=99), own_chain)[1]

    assert outcome == "forked"


def test_a_watermark_at_a_row_that_is_gone_is_not_believed():
    state, _ = delivery.on_receipt(online(head=8), receipt(5), lambda _: None)

    assert state.watermark == 0


def test_a_receipt_for_another_stream_is_none_of_ours():
    state = online(head=8)

    assert delivery.on_receipt(state, receipt(5, stream=b"other"), own_chain) == (state, "same")


def test_a_new_stream_begins_with_the_losses_that_went_unreported():
    gone = (Absent(2, 4, "evicted"), Absent(7, 7, "damaged"))
    state = online(head=8, watermark=3, absent=gone)

    lost = delivery.carried(state)
    after = delivery.on_forked(state, b"new", 12, lost)

    assert lost == (Absent(1, 1, "evicted"), Absent(2, 2, "damaged"))
    assert (after.stream, after.head, after.watermark) == (b"new", 12, 0)
    assert sent(after)[1] == [Plan("back", 3, 12, lost)]


def update(start: int, end: int, **parts) -> Update:
    told = {"owner": OWNER, "changes": (Change("product", "1", b"x"),)} | parts
    return Update(start=start, end=end, **told)


def test_an_update_is_applied_only_where_it_leaves_no_gap():
    state = online(head=0, applied=5, applied_owner=OWNER)

    assert delivery.on_update(state, update(6, 8)) == (state, "answer")
    assert delivery.on_update(state, update(3, 5)) == (state, "answer")
    after, outcome = delivery.on_update(state, update(4, 8))
    assert (outcome, delivery.applied_of(after).revision) == ("apply", 8)


def test_under_a_new_owner_only_a_snapshot_is_applied():
    state = online(head=0, applied=5, applied_owner=b"before")

    assert delivery.on_update(state, update(4, 8))[1] == "answer"
    assert delivery.on_update(state, update(0, 3, snapshot=True))[1] == "apply"


def test_an_update_of_an_unknown_owner_is_answered_by_a_birth():
    state = online(head=0, applied=5, applied_owner=OWNER)

    assert delivery.on_update(state, update(5, 9, owner=b"stranger")) == (state, "birth")


def test_a_loss_is_declared_whole_even_where_a_clone_s_row_stands_under_its_number():
    gone = (Absent(3, 9, "evicted"),)

    _, plans = sent(online(head=12, watermark=2, ranges=((6, 6),), absent=gone))

    assert plans[0] == Plan("back", 10, 9, gone)
