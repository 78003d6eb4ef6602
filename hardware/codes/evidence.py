"""Decides when a code has been seen often enough to be believed: pure, time is an argument."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hardware.codes.decoder import SELF_PROVING, Decoded, overlap

SIGHTINGS_DEFAULT = 2
SIGHTINGS_WITHIN_MS = 1_500
CODES_WATCHED_MAX = 64

# How many sightings a code of each trust is worth: doubtful ones never add up to a sale.
WEIGHTS = {"doubtful": 0, "seen": 1, "proven": 2}
# Where different numbers were read at one place, one must have so many times the other's weight.
RIVALS_TIMES = 2
# A believed code that was not seen for so long has made room for the next one, which then needs as
# many frames as any other, however well one of them proves it: until the former is forgotten
# (SIGHTINGS_WITHIN_MS) it may still be held, and misread. Measured with `benchmarks/held.py`.
GONE_MS = 400


@dataclass(slots=True)
class _Watched:
    """A code made of bars, when it was seen with which weight, and whether it was believed."""

    code: Decoded
    sightings: list[tuple[int, int]] = field(default_factory=list)
    believed: bool = False

    @property
    def weight(self) -> int:
        return sum(weight for _, weight in self.sightings)

    @property
    def last_ms(self) -> int:
        return self.sightings[-1][0]


class Evidence:
    """Lets a code made of bars pass once enough frames, shortly after each other, speak for it.

    Two different numbers at one place, or one frame with a misread number, are not enough for a
    sale. A code that was seen but never became believable, nor any other in its stead, is given
    once when it is gone, with the trust "doubtful": it may be asked for again, and nothing else.
    Remembers at most CODES_WATCHED_MAX codes; beyond that the longest unseen is forgotten.
    """

    def __init__(self, sightings: int = SIGHTINGS_DEFAULT) -> None:
        self._sightings = sightings
        self._watched: dict[tuple[str, bytes], _Watched] = {}
        self._believed_ms: int | None = None

    def weigh(self, codes: Sequence[Decoded], at_mono_ms: int) -> list[Decoded]:
        """Return those codes of one frame that may be believed, and those that came to nothing."""
        if self._sightings <= 1:
            return list(codes)
        given = list(self._come_to_nothing(at_mono_ms))
        bars = [code for code in codes if code.symbology not in SELF_PROVING]
        for code in bars:
            self._watch(code, at_mono_ms)
        for code in codes:
            if code.symbology in SELF_PROVING or self._is_enough(code, at_mono_ms):
                self._believed_ms = at_mono_ms
                given.append(code if code.trust != "doubtful" else replace(code, trust="seen"))
        return given

    def _watch(self, code: Decoded, at_mono_ms: int) -> None:
        key = (code.symbology, code.data)
        watched = self._watched.pop(key, None) or _Watched(code)
        watched.code = code
        recent = [one for one in watched.sightings if at_mono_ms - one[0] <= SIGHTINGS_WITHIN_MS]
        watched.sightings = [*recent, (at_mono_ms, WEIGHTS[code.trust])]
        self._watched[key] = watched
        while len(self._watched) > CODES_WATCHED_MAX:
            self._watched.pop(next(iter(self._watched)))

    def _is_enough(self, code: Decoded, at_mono_ms: int) -> bool:
        watched = self._watched.get((code.symbology, code.data))
        if watched is None or watched.weight < self._sightings:
            return False
        rivals = [
            other
            for other in self._watched.values()
            if other is not watched and overlap(other.code, code)
        ]
        believed = [other for other in rivals if other.believed]
        if believed and not watched.believed and len(watched.sightings) < self._sightings:
            return False
        weights = [
            other.weight
            for other in rivals
            if not (other.believed and at_mono_ms - other.last_ms > GONE_MS)
        ]
        if watched.weight < RIVALS_TIMES * max(weights, default=0):
            return False
        watched.believed = True
        return True

    def _come_to_nothing(self, at_mono_ms: int) -> Iterator[Decoded]:
        """Forget the codes that are gone, giving those in whose stead none was believed."""
        gone = [
            (key, watched)
            for key, watched in self._watched.items()
            if at_mono_ms - watched.last_ms > SIGHTINGS_WITHIN_MS
        ]
        for key, watched in gone:
            del self._watched[key]
            since = watched.sightings[0][0] - SIGHTINGS_WITHIN_MS
            answered = self._believed_ms is not None and self._believed_ms >= since
            if not watched.believed and not answered:
                yield replace(watched.code, trust="doubtful")
