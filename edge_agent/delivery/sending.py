"""Which rows the store sends next: two lanes over one outbox, decided free of I/O.

`delivery.py` says how it is used.
"""

from msgspec.structs import replace

from edge_agent.delivery.delivery_state import DeliveryLimits, DeliveryState, Flight, Plan, doubled
from wire.batch import ABSENT_RANGES_MAX
from wire.messages import Absent, Lane
from wire.ranges import Ranges, add, count, missing


def next_batch(
    state: DeliveryState, now_ms: int, limits: DeliveryLimits
) -> tuple[DeliveryState, Plan | None]:
    """Decide what to send now, if anything, and count it as under way.

    The newest rows go first (live lane); the two lanes have windows of their own, so that neither
    starves the other.
    """
    if not state.connected or state.forked or state.watermark >= state.head:
        return state, None
    state = _without_overdue(state, now_ms, limits)
    live_slots = limits.live_batches_max
    # A Batch is also the question that the next credit answers: one may always be under way.
    back_slots = max(1, min(state.credit, limits.back_batches_max))
    under_way = add(state.ranges, 1, state.watermark)
    for flight in state.flights:
        under_way = add(under_way, flight.first, flight.last)
        if flight.lane == "live":
            live_slots -= 1
        else:
            back_slots -= 1
    plan = None
    if live_slots > 0 and state.live_from <= state.head:
        state, plan = _next_live(state, under_way, live_slots, limits)
    if plan is None and back_slots > 0:
        plan = _next_back(state, under_way, limits)
    if plan is None:
        return state, None
    flight = Flight(plan.lane, plan.start, max(plan.last, plan.first - 1), now_ms)
    return replace(state, flights=(*state.flights, flight)), plan


def on_unsent(state: DeliveryState, plan: Plan) -> DeliveryState:
    """Take a Plan back that could not be sent: its rows wait for the next `next_batch`."""
    flights = tuple(flight for flight in state.flights if flight.first != plan.start)
    return replace(state, flights=flights)


def _without_overdue(state: DeliveryState, now_ms: int, limits: DeliveryLimits) -> DeliveryState:
    """Count Batches as unsent whose receipt is overdue; the first under way is the oldest."""
    # Never sooner than after the first wait, whatever follows; nearly always that is not over yet.
    if not state.flights or now_ms - state.flights[0].sent_ms < limits.receipt_timeout_ms:
        return state
    wait_ms = doubled(limits.receipt_timeout_ms, state.silences, limits.receipt_timeout_ms_max)
    if now_ms - state.flights[0].sent_ms < wait_ms:
        return state
    flights = tuple(f for f in state.flights if now_ms - f.sent_ms < wait_ms)
    return replace(state, flights=flights, silences=state.silences + 1)


def _next_live(
    state: DeliveryState, under_way: Ranges, slots: int, limits: DeliveryLimits
) -> tuple[DeliveryState, Plan | None]:
    holes = missing(under_way, state.live_from, state.head)
    if not holes:
        return state, None
    room = slots * limits.rows_per_batch_max
    if count(holes) > room and len(under_way) < limits.ranges_max:
        # More is new than can be sent: the newest goes first, the rest joins the backlog.
        state = replace(state, live_from=state.head - room + 1)
        holes = missing(under_way, state.live_from, state.head)
    return state, _plan(state, "live", holes[0], limits) if holes else None


def _next_back(state: DeliveryState, under_way: Ranges, limits: DeliveryLimits) -> Plan | None:
    holes = missing(under_way, 1, min(state.head, state.live_from - 1))
    return _plan(state, "back", holes[0], limits) if holes else None


def _plan(state: DeliveryState, lane: Lane, hole: tuple[int, int], limits: DeliveryLimits) -> Plan:
    """Plan a Batch from the beginning of a hole: absent ranges first, then the rows after them.

    What is absent is declared whole, also where the cloud says that it holds a part of it: those
    may be the rows of a clone, under whose numbers ours would go missing unreported.
    """
    first, last = hole
    absent: tuple[Absent, ...] = ()
    if state.absent or first < state.first_kept:
        absent = _absent_at(state, first, last)
        if absent:
            first = absent[-1].last + 1
    last = min(last, first + limits.rows_per_batch_max - 1, _next_absent(state, first) - 1)
    return Plan(lane, first, max(last, first - 1), absent)


def _absent_at(state: DeliveryState, first: int, last: int) -> tuple[Absent, ...]:
    """Return the absent ranges that a hole begins with, one behind the other."""
    first = _begin_of_absent(state, first)
    absent: list[Absent] = []
    while len(absent) < ABSENT_RANGES_MAX:
        gone = _gone_at(state, first, last)
        if gone is None:
            break
        absent.append(Absent(first, gone.last, gone.reason))
        first = gone.last + 1
    return tuple(absent)


def _begin_of_absent(state: DeliveryState, seq: int) -> int:
    """Return where the absent ranges begin, above the watermark, that go on up to a seq."""
    joined = 0
    for gone in reversed(state.absent):
        if gone.first <= seq <= gone.last + 1 and joined < ABSENT_RANGES_MAX // 2:
            seq = max(gone.first, state.watermark + 1)
            joined += 1
    return seq


def _gone_at(state: DeliveryState, seq: int, last: int) -> Absent | None:
    """Return the range of gone rows that a seq lies in, None when its row is kept.

    Of rows that were pruned after their receipt, only those up to `last` are asked for.
    """
    for gone in state.absent:
        if gone.first <= seq <= gone.last:
            return gone
    if seq > last or seq >= state.first_kept:
        return None
    return Absent(seq, min(last, state.first_kept - 1, _next_absent(state, seq) - 1), "expired")


def _next_absent(state: DeliveryState, seq: int) -> int:
    """Return where the next absent range from a seq on begins, `head + 1` when there is none."""
    for gone in state.absent:
        if gone.first >= seq:
            return gone.first
    return state.head + 1
