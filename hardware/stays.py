"""Turns people followed into stays in zones and passages over lines: pure, time is an argument.

Time is that of the frames, not a count of frames. Whoever leaves a zone and is back within the
joining gap never left; whoever is lost inside it and found there again is the same person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hardware.readings import Passage, Stay
from hardware.tracker import Track
from hardware.zones import Point, ZoneMap, crossing

JOIN_GAP_MS = 1_500
JOIN_LOST_MS = 5_000
STAY_MS_MIN = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStay:
    """Somebody is in a zone: since when, when last seen there, beside how many at most."""

    zone: str
    track: int
    entered_ms: int
    inside_ms: int
    people_max: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a frame brought: stays that ended, passages, and how many are in each zone now."""

    counts: dict[str, int]
    stays: tuple[Stay, ...]
    passages: tuple[Passage, ...]


class StayClock:
    """The stays under way in one camera's zones."""

    def __init__(self, zones: ZoneMap) -> None:
        self._zones = zones
        self._open: list[OpenStay] = []
        self._feet: dict[int, Point] = {}

    def update(self, tracks: Sequence[Track], at_ms: int) -> Changes:
        """Take everybody who is followed after a frame at `at_ms`."""
        people = {track.number: track for track in tracks if track.sure}
        ended: list[OpenStay] = []
        for name in self._zones.zones:
            ended += self._update_zone(name, people, at_ms)
        passages = self._passages(people)
        self._feet = {number: track.foot for number, track in people.items()}
        return Changes(counts=self._counts(), stays=_reported(ended), passages=passages)

    def finish(self) -> Changes:
        """End every stay when it was last seen: there are no further frames."""
        ended, self._open = self._open, []
        return Changes(counts=self._counts(), stays=_reported(ended), passages=())

    def _update_zone(self, name: str, people: dict[int, Track], at_ms: int) -> list[OpenStay]:
        here = {n: t for n, t in people.items() if name in self._zones.zones_at(t.foot)}
        others = [stay for stay in self._open if stay.zone != name]
        stays = [stay for stay in self._open if stay.zone == name]
        known = {stay.track for stay in stays}
        newcomers = [track for number, track in here.items() if number not in known]
        kept: list[OpenStay] = []
        ended: list[OpenStay] = []
        for stay in stays:
            track = here.get(stay.track)
            if track is None and stay.track not in people:
                track = _found_again(stay, newcomers)
            if track is not None:
                kept.append(replace(stay, track=track.number, inside_ms=track.seen_ms))
            elif at_ms - stay.inside_ms <= _patience_ms(stay, people):
                kept.append(stay)
            else:
                ended.append(stay)
        for track in newcomers:
            since_ms = track.first_ms if track.hits <= 3 else track.seen_ms
            kept.append(
                OpenStay(
                    zone=name, track=track.number, entered_ms=since_ms, inside_ms=track.seen_ms
                )
            )
        kept = [replace(stay, people_max=max(stay.people_max, len(kept))) for stay in kept]
        self._open = others + kept
        return ended

    def _passages(self, people: dict[int, Track]) -> tuple[Passage, ...]:
        passages: list[Passage] = []
        for name, line in self._zones.lines.items():
            steps = [
                crossing(line, self._feet[number], track.foot)
                for number, track in people.items()
                if number in self._feet
            ]
            inwards, outwards = steps.count(1), steps.count(-1)
            if inwards or outwards:
                passages.append(Passage(line=name, people_in=inwards, people_out=outwards))
        return tuple(passages)

    def _counts(self) -> dict[str, int]:
        counts = dict.fromkeys(self._zones.zones, 0)
        for stay in self._open:
            counts[stay.zone] += 1
        return counts


def _found_again(stay: OpenStay, newcomers: list[Track]) -> Track | None:
    """Take, out of the newcomers, the one who appeared inside after this person was lost."""
    for track in newcomers:
        if track.first_ms >= stay.inside_ms and track.seen_ms - track.first_ms <= JOIN_GAP_MS:
            newcomers.remove(track)
            return track
    return None


def _patience_ms(stay: OpenStay, people: dict[int, Track]) -> int:
    return JOIN_GAP_MS if stay.track in people else JOIN_LOST_MS


def _reported(ended: Sequence[OpenStay]) -> tuple[Stay, ...]:
    """Return the stays that lasted; whoever only walks through did not stay."""
    return tuple(
        Stay(
            zone=stay.zone,
            entered_mono_ms=stay.entered_ms,
            left_mono_ms=stay.inside_ms,
            people_max=stay.people_max,
        )
        for stay in ended
        if stay.inside_ms - stay.entered_ms >= STAY_MS_MIN
    )
