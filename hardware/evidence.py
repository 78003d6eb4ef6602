"""Decides when a code has been seen often enough to be believed: pure, time is an argument."""

from collections.abc import Sequence

from hardware.decoder import SELF_PROVING, Decoded

SIGHTINGS_DEFAULT = 2
SIGHTINGS_WITHIN_MS = 1_500
CODES_WATCHED_MAX = 64


class Evidence:
    """Lets a code made of bars pass once it was seen in several frames shortly after each other.

    Two different numbers in one frame, or one frame with a misread number, are not enough for a
    sale. Remembers at most CODES_WATCHED_MAX codes; beyond that the longest unseen is forgotten.
    """

    def __init__(self, sightings: int = SIGHTINGS_DEFAULT) -> None:
        self._sightings = sightings
        self._seen: dict[tuple[str, bytes], list[int]] = {}

    def weigh(self, codes: Sequence[Decoded], at_mono_ms: int) -> list[Decoded]:
        """Return those codes of one frame that may be believed."""
        return [code for code in codes if self._is_enough(code, at_mono_ms)]

    def _is_enough(self, code: Decoded, at_mono_ms: int) -> bool:
        if code.symbology in SELF_PROVING or self._sightings <= 1:
            return True
        key = (code.symbology, code.data)
        recent = [at for at in self._seen.pop(key, []) if at_mono_ms - at <= SIGHTINGS_WITHIN_MS]
        recent = [*recent, at_mono_ms][-self._sightings :]
        self._seen[key] = recent
        while len(self._seen) > CODES_WATCHED_MAX:
            self._seen.pop(next(iter(self._seen)))
        return len(recent) >= self._sightings
