"""Tells one showing of a code from the next: a camera reads a held code again in every frame."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

# Codes remembered for each device; the one seen longest ago goes first.
CODES_REMEMBERED_MAX = 64

Showing = Literal["new", "held", "again"]


@dataclass(frozen=True, slots=True)
class Seen:
    """When a code was last in view, and whether somebody was told that it counts only once."""

    at_mono_ms: int
    told: bool = False


@dataclass(frozen=True, slots=True)
class Showings:
    """The codes that were lately shown at one device, by a digest of their bytes."""

    seen: Mapping[bytes, Seen] = field(default_factory=lambda: MappingProxyType({}))


def show(
    showings: Showings, raw: bytes, at_mono_ms: int, *, held_s: float, debounce_s: float
) -> tuple[Showings, Showing]:
    """Say what this reading of a code is, and remember it.

    "held": it never left the view, so there is nothing to do. "again": it was shown once more
    within `debounce_s`, which is said once. "new": it counts. `held_s` is 0 for a device that
    reads a code once for each time it is shown.
    """
    digest = hashlib.blake2b(raw, digest_size=16).digest()
    before = showings.seen.get(digest)
    away_ms = None if before is None else at_mono_ms - before.at_mono_ms
    showing: Showing = "new"
    told = False
    if before is not None and away_ms is not None and away_ms <= max(held_s, debounce_s) * 1_000:
        held = away_ms <= held_s * 1_000 and held_s > 0
        showing = "held" if held or before.told else "again"
        told = before.told or showing == "again"
    kept = {key: value for key, value in showings.seen.items() if key != digest}
    while len(kept) >= CODES_REMEMBERED_MAX:
        del kept[next(iter(kept))]
    kept[digest] = Seen(at_mono_ms, told)
    return Showings(MappingProxyType(kept)), showing
