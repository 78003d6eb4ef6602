"""What cameras saw of people: counts, stays and passages, and whose stay it was when that is sure.

A stay is anonymous. It is joined to a visit only where a consenting member scanned in that zone
while exactly one person stood there, and the event says how sure that is.
"""

from collections.abc import Sequence
from dataclasses import replace

from edge_agent import local_view
from edge_agent.clock import Instant
from edge_agent.delivery.recorder import Writing
from edge_agent.opening import Opening
from edge_agent.places import Place, event_at, moment
from edge_agent.visits import badges, traffic, visits
from edge_agent.visits.visits import Visit
from hardware.readings import Passage, PeopleReading, Stay
from wire.events import Clock, Door, Dwell
from wire.views import PlanView

# A counter may overlook somebody, so nothing is ever surer than this.
CONFIDENCE_PCT_MAX = 95
# Below this the stay stays anonymous.
CONFIDENCE_PCT_MIN = 50
ALWAYS = Opening()


def attend(
    stay: Stay, entered_at: int, left_at: int, overlapping: Sequence[Visit]
) -> tuple[Visit | None, int]:
    """Decide whose stay it was, and how sure that is in per cent; None and 0 for nobody's.

    Whoever asked for the ordinary page is joined to no stay, neither before nor after they asked.
    `overlapping` are the visits of the zone during the stay. The confidence is the share of the
    stay that the visit covers: a member who scans as soon as they step up is surer the one who
    stood there than one who scans at the very end.
    """
    if stay.people_max != 1 or len(overlapping) != 1 or left_at <= entered_at:
        return None, 0
    visit = overlapping[0]
    scanned_at = visit.named_at
    if (
        visit.ended_by == "ordinary"
        or scanned_at is None
        or not (visit.consented and entered_at <= scanned_at <= left_at)
    ):
        return None, 0
    until = left_at if visit.ended_at is None else min(left_at, visit.ended_at)
    covered = max(0, until - scanned_at) / (left_at - entered_at)
    confidence_pct = int(min(covered * 100, CONFIDENCE_PCT_MAX))
    return (visit, confidence_pct) if confidence_pct >= CONFIDENCE_PCT_MIN else (None, 0)


def take(
    writing: Writing,
    now: Instant,
    place: Place,
    reading: PeopleReading,
    opening: Opening = ALWAYS,
) -> None:
    """Record what a counter saw, and bring the store's traffic up to date.

    Stays and passages of those who are there outside the opening hours are not recorded at all.
    """
    if now.quality is Clock.UNKNOWN:
        opening = ALWAYS  # a clock that nobody believes leaves nobody out
    seen_at = moment(now, reading.at_mono_ms).at
    for zone, people in reading.counts.items():
        _see_zone(writing, zone, people, reading.waiting_ms.get(zone, ()), seen_at)
    for stay in reading.stays:
        if opening.is_open(moment(now, stay.entered_mono_ms).at):
            where = Place(device=place.device, zone=stay.zone)
            _take_stay(writing, now, where, stay)
    for seen in reading.passages:
        instant = moment(now, reading.at_mono_ms)
        passage = _of_shoppers(seen, instant.at, opening)
        passage = passage and _without_badges(writing, place.zone, passage, instant.at)
        if passage is None:
            continue
        traffic.add_passage(
            writing, passage.line, instant.at, passage.people_in, passage.people_out
        )
        body = Door(
            line=passage.line,
            people_in=passage.people_in,
            people_out=passage.people_out,
            groups_in=passage.groups_in,
        )
        writing.append(event_at(place, instant, body))


def _of_shoppers(passage: Passage, at: int, opening: Opening) -> Passage | None:
    """Return what shoppers can have a part in of a passage; None for nothing."""
    if opening.is_open(at):
        return passage
    if passage.people_out and opening.may_leave(at):
        return replace(passage, people_in=0, groups_in=0)
    return None


def _see_zone(
    writing: Writing, zone: str, people: int, waiting_ms: Sequence[int], seen_at: int
) -> None:
    """Note who is in a zone now; of those who wait, staff have been there longest."""
    before = traffic.people_in(writing.connection, zone)
    staff = badges.there(writing, zone, people, before, seen_at)
    waited_ms = next(iter(waiting_ms[staff:]), 0)
    since = seen_at - waited_ms * 1_000 if people > staff and waited_ms else None
    traffic.see(writing, zone, people, seen_at, since, staff=staff)


def _without_badges(writing: Writing, zone: str, passage: Passage, at: int) -> Passage | None:
    """Return a passage without those who showed a badge at its door; None if nobody is left."""
    staff = badges.passing(writing, zone, passage.people_in + passage.people_out, at)
    people_in = max(0, passage.people_in - staff)
    people_out = passage.people_out - max(0, staff - passage.people_in)
    if not people_in + people_out:
        return None
    groups_in = min(passage.groups_in, people_in)
    return replace(passage, people_in=people_in, people_out=people_out, groups_in=groups_in)


def _take_stay(writing: Writing, now: Instant, place: Place, stay: Stay) -> None:
    left = moment(now, stay.left_mono_ms)
    entered_at = left.at - stay.dwell_ms * 1_000
    if badges.is_staff(writing, stay.zone, entered_at, left.at):
        return
    overlapping = visits.in_zone(writing.connection, stay.zone, entered_at, left.at)
    visit, confidence_pct = attend(stay, entered_at, left.at, overlapping)
    shelf = local_view.plan(writing.connection, stay.zone, entered_at)
    body = Dwell(
        entered_at=entered_at,
        dwell_ms=stay.dwell_ms,
        people_max=stay.people_max,
        confidence_pct=confidence_pct,
        plan=0 if shelf is None else shelf.plan,
        engaged=stay.engaged,
    )
    writing.append(
        event_at(
            place,
            left,
            body,
            visit=b"" if visit is None else visit.visit,
            identifiers=() if visit is None else visit.identifiers,
            brand="" if shelf is None else _only_brand(writing, shelf),
        )
    )
    traffic.add_stay(writing, stay.zone, left.at, stay.dwell_ms, stay.people_max)


def _only_brand(writing: Writing, shelf: PlanView) -> str:
    """Return the brand of all goods of a shelf; empty when they are of several, or one is unknown.

    A brand sees only its own goods, so that a stay before several is none's.
    """
    brands = {local_view.brand(writing.connection, product) for product in shelf.products}
    return brands.pop() if len(brands) == 1 else ""
