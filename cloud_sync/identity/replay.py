"""A file of events replayed: each line's shopper, as it is known after the last one."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cloud_sync.identity.ladder import Verdicts, decide
from cloud_sync.identity.links import Demoted, Joined, LinkEvent
from cloud_sync.identity.observations import Observation, Unreadable, read_line
from cloud_sync.identity.rules import LADDER, KindRule
from cloud_sync.identity.sessions import anonymous_ids, place_of
from cloud_sync.identity.sightings import Sightings, sightings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A line that is no event: its number, the reason, and what it says."""

    line: int
    reason: str
    content: bytes

    def as_json(self) -> dict[str, object]:
        """Return it as it is kept in a file; what is no UTF-8 is escaped."""
        text = self.content.decode("utf-8", "backslashreplace")
        return {"line": self.line, "reason": self.reason, "content": text}


@dataclass(slots=True, kw_only=True)
class Replay:
    """The events of a file, in the order of their lines, and what could not be read of it."""

    events: dict[str, Observation] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    written: dict[str, str | int] = field(default_factory=dict)
    """How each id was written: as text or as a number."""
    repeated: int = 0

    def take(self, lines: Iterable[bytes]) -> None:
        """Take the lines of a file; one that is no event is kept with its reason.

        An event that arrives again is the same event; of two that differ under one id the first
        by time and content counts, whichever came first.
        """
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text:
                continue
            try:
                written, event = read_line(text)
            except Unreadable as error:
                self.rejects.append(Reject(line=number, reason=str(error), content=text))
                continue
            self.written.setdefault(event.event_id, written)
            known = self.events.get(event.event_id)
            self.repeated += known is not None
            self.events[event.event_id] = event if known is None else min(known, event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """The shopper ID of each event, in the order of the file, and how it came about."""

    shoppers: dict[str, str]
    sightings: Sightings
    verdicts: Verdicts

    def shared(self) -> Iterator[dict[str, str]]:
        """Yield the identifiers that were demoted, each with the reason."""
        for at, reason in sorted(self.verdicts.shared.items()):
            kind, value = self.sightings.identifiers[at]
            yield {"kind": kind, "value": value, "reason": reason}

    def log(self) -> Iterator[LinkEvent]:
        """Yield what was decided as the link events that the identity graph is folded from."""
        ids = [shopper_id(self.sightings, at) for at in range(len(self.sightings.identifiers))]
        seen, observations = self.sightings.seen, self.sightings.observations
        for at, owner, weight in self.verdicts.joins:
            yield Joined(
                join=f"{ids[at]}+{ids[owner]}",
                at=observations[seen[at][0]].occurred_at,
                one=ids[at],
                other=ids[owner],
                weight=weight,
                because="seen together",
            )
        for at, reason in sorted(self.verdicts.shared.items()):
            moment = observations[seen[at][-1]].occurred_at
            yield Demoted(identifier=ids[at], at=moment, because=reason)

    def figures(self) -> dict[str, object]:
        """Return how many of what there are."""
        shared = Counter(self.sightings.kind(at) for at in self.verdicts.shared)
        ids = Counter(self.shoppers.values())
        return {
            "events": len(self.shoppers),
            "shoppers": sum(not each.startswith("a") for each in ids),
            "anonymous_sessions": sum(each.startswith("a") for each in ids),
            "largest_shopper": max(
                (count for each, count in ids.items() if not each.startswith("a")), default=0
            ),
            "identifiers": len(self.sightings.identifiers),
            "shared_identifiers": dict(sorted(shared.items())),
            "handed_on_identifiers": len(self.verdicts.tenures),
            "refused_identifiers": dict(self.sightings.refused),
        }


def assign(events: Mapping[str, Observation], ladder: Mapping[str, KindRule] = LADDER) -> Assigned:
    """Decide who did what. The answer depends on the events alone, not on their order."""
    sightings = sightings_of(events.values(), ladder)
    verdicts = decide(sightings)
    owners = [_owner(those, event, verdicts) for event, those in _each(sightings)]
    ids = [None if owner is None else shopper_id(sightings, owner) for owner in owners]
    places = [place_of(each) for each in sightings.observations]
    found = anonymous_ids(sightings.observations, ids, places)
    by_event = {
        each.event_id: shopper for each, shopper in zip(sightings.observations, found, strict=True)
    }
    return Assigned(
        shoppers={event: by_event[event] for event in events},
        sightings=sightings,
        verdicts=verdicts,
    )


def shopper_id(sightings: Sightings, at: int) -> str:
    """Return the shopper ID that an identifier stands for: its rank, then a hash of it."""
    kind, value = sightings.identifiers[at]
    content = f"{kind}\x00{value}".encode()
    digest = hashlib.blake2b(content, digest_size=15, person=b"shopper").hexdigest()
    return f"{sightings.rule(at).rank:02x}{digest}"


def _each(sightings: Sightings) -> Iterable[tuple[Observation, Sequence[int]]]:
    return zip(sightings.observations, sightings.events, strict=True)


def _owner(those: Sequence[int], event: Observation, verdicts: Verdicts) -> int | None:
    """Return the identifier of whose event it is: what the strongest that is somebody's says."""
    for at in those:
        if at in verdicts.shared:
            continue
        if at not in verdicts.tenures:
            return verdicts.root(at)
        for tenure in verdicts.tenures[at]:
            if tenure.first <= event.occurred_at <= tenure.last:
                return verdicts.root(tenure.owner)
    return None
