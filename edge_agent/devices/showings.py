"""Tells one showing of a code from the next: a camera reads a held code again in every frame."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

# Codes remembered for each device; the one seen longest ago goes first.
CODES_REMEMBERED_MAX = 64
# Somebody who was asked to show a code again does so within this time, or is somebody else.
ASKED_S_MAX = 30

# Everything a reader is not sure of is one thing: it may read a different number in every frame.
_UNSURE = b""

Showing = Literal["new", "held", "again", "asked"]


@dataclass(frozen=True, slots=True)
class Seen:
    """When a code was last in view, and what was said to it.

    `told`: that it counts only once; `asked`: to show it again.
    """

    at_mono_ms: int
    told: bool = False
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Showings:
    """The codes that were lately shown at one device, by a digest of their bytes."""

    seen: Mapping[bytes, Seen] = field(default_factory=lambda: MappingProxyType({}))


def show(
    showings: Showings,
    raw: bytes,
    at_mono_ms: int,
    *,
    held_s: float,
    debounce_s: float,
    sure: bool = True,
) -> tuple[Showings, Showing]:
    """Say what this reading of a code is, and remember it.

    "held": it never left the view, so there is nothing to do. "again": it was shown once more
    within `debounce_s`, which is said once. "asked": it was shown once more because that was asked
    for. "new": it counts. `held_s` is 0 for a device that reads a code once for each time it is
    shown. A reading that is not `sure` says nothing while a code that is sure is in view.
    """
    key = _key(raw, sure)
    before = showings.seen.get(key)
    showing: Showing = "new"
    if not sure and _any_in_view(showings, at_mono_ms, held_s):
        return showings, "held"
    if before is not None:
        showing = _showing(before, at_mono_ms - before.at_mono_ms, held_s, debounce_s)
    kept = {each: seen for each, seen in showings.seen.items() if each != key}
    while len(kept) >= CODES_REMEMBERED_MAX:
        del kept[next(iter(kept))]
    goes_on = before if before is not None and showing in {"held", "again"} else Seen(at_mono_ms)
    told = goes_on.told or showing == "again"
    kept[key] = replace(goes_on, at_mono_ms=at_mono_ms, told=told)
    return Showings(MappingProxyType(kept)), showing


def ask_again(showings: Showings, raw: bytes, *, sure: bool = True) -> Showings:
    """Remember that whoever shows this code was asked to show it again."""
    key = _key(raw, sure)
    if key not in showings.seen:
        return showings
    asked = {**showings.seen, key: replace(showings.seen[key], asked=True)}
    return Showings(MappingProxyType(asked))


def next_person(showings: Showings, at_mono_ms: int, *, held_s: float) -> Showings:
    """Forget what is no longer in view: somebody else stands here and may show the same."""
    kept = {
        key: seen
        for key, seen in showings.seen.items()
        if at_mono_ms - seen.at_mono_ms <= held_s * 1_000
    }
    return Showings(MappingProxyType(kept))


def _showing(before: Seen, away_ms: int, held_s: float, debounce_s: float) -> Showing:
    if held_s > 0 and away_ms <= held_s * 1_000:
        return "held"
    if before.asked:
        return "asked" if away_ms <= ASKED_S_MAX * 1_000 else "new"
    if away_ms <= debounce_s * 1_000:
        return "held" if before.told else "again"
    return "new"


def _any_in_view(showings: Showings, at_mono_ms: int, held_s: float) -> bool:
    """Tell whether a code is in view that the reader was sure of."""
    return any(
        key != _UNSURE and at_mono_ms - seen.at_mono_ms <= held_s * 1_000
        for key, seen in showings.seen.items()
    )


def _key(raw: bytes, sure: bool) -> bytes:
    return hashlib.blake2b(raw, digest_size=16).digest() if sure else _UNSURE
