"""Things that many people use, found by how many they are seen with and how fast those change.

A kiosk, a shop's tablet, a cashier's own card: such an identifier is seen with more members,
phones or cookies than a person ever has. A member who uses thirty kiosks is no such thing: the
kiosks are, and are found first, being seen with hundreds of members.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush

from cloud_sync.identity.sightings import DAY_US, Sightings

# A member has a cookie a visit and a number an order; a kiosk has no more of those than a member.
MANY_OF_WEAKER_KINDS = 5


def shared_by_degree(sightings: Sightings, kept: Collection[int] = ()) -> dict[int, str]:
    """Return the identifiers that stand for no person, each with the reason; never one of `kept`.

    The most extreme is found first, and is then nothing any more that others are seen with. What a
    kind is called decides nothing: a file of somebody else's may call a cookie `device`.
    """
    partners = _partners(sightings)
    found: dict[int, str] = {}
    # Where one is demoted, others may be seen with too many that did not count before.
    while waiting := _over(sightings, partners, kept):
        while waiting:
            before, at, kind = heappop(waiting)
            excess = _excess(sightings, partners, at, kind)
            if excess <= 1:
                continue
            if -excess > before:
                heappush(waiting, (-excess, at, kind))
                continue
            seen_with = partners[at][kind]
            found[at] = f"seen with {len(seen_with)} different values of {kind}"
            _forget(partners, at, sightings)
    return found


def _over(
    sightings: Sightings,
    partners: Sequence[Mapping[str, Mapping[int, int]]],
    kept: Collection[int],
) -> list[tuple[float, int, str]]:
    """Return, as a heap, what is seen with too many of a kind, the most extreme first."""
    waiting = [
        (-excess, at, kind)
        for at, by_kind in enumerate(partners)
        if at not in kept
        for kind in by_kind
        for excess in [_excess(sightings, partners, at, kind)]
        if excess > 1
    ]
    heapify(waiting)
    return waiting


def most_within(times: Iterable[int], length: int) -> int:
    """Return how many of some times lie within any stretch of a given length, at most."""
    ordered = sorted(times)
    first = most = 0
    for last, time in enumerate(ordered):
        while time - ordered[first] >= length:
            first += 1
        most = max(most, last - first + 1)
    return most


def _excess(
    sightings: Sightings, partners: Sequence[Mapping[str, Mapping[int, int]]], at: int, kind: str
) -> float:
    """Return how many times the limit an identifier is seen with values of a kind.

    Things of a weaker kind that many others are seen with too do not count against it; and of
    weaker kinds of which people have many (cookies, orders, sessions) more are needed.
    """
    mine, rule = sightings.rule(at), sightings.rules[kind]
    own_kind = sightings.kind(at)
    times = [
        first
        for other, first in partners[at].get(kind, {}).items()
        if rule.rank <= mine.rank or 2 * len(partners[other][own_kind]) <= mine.seen_with_max
    ]
    usual = 1 if rule.exclusive or rule.rank <= mine.rank else MANY_OF_WEAKER_KINDS
    over_all = len(times) / (usual * rule.seen_with_max)
    if len(times) <= usual * rule.seen_with_a_day_max:
        return over_all
    return max(over_all, most_within(times, DAY_US) / (usual * rule.seen_with_a_day_max))


def _partners(sightings: Sightings) -> list[dict[str, dict[int, int]]]:
    """Return for each identifier, by kind, those it is seen with, each with its first time."""
    partners: list[dict[str, dict[int, int]]] = [defaultdict(dict) for _ in sightings.identifiers]
    for observation, those in zip(sightings.observations, sightings.events, strict=True):
        for one in those:
            for other in those:
                if one != other:
                    partners[one][sightings.kind(other)].setdefault(other, observation.occurred_at)
    return partners


def _forget(partners: list[dict[str, dict[int, int]]], thing: int, sightings: Sightings) -> None:
    kind = sightings.kind(thing)
    for those in partners[thing].values():
        for other in those:
            partners[other][kind].pop(thing, None)
    partners[thing] = {}
