"""A waterfall as a picture: from what is expected of any two records, step by step, to the odds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from looks.words import Words

WIDTH = 400
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One step of a waterfall: what was compared and found, its bits, and where its bar stands.

    `kind` is prior, for, against or sum; `x` and `width` are of WIDTH.
    """

    comparison: str
    found: str
    bits: float
    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All bars, and where the line of even odds stands."""

    bars: Sequence[Bar]
    zero: float


def picture_of(waterfall: Mapping[str, object]) -> Picture:
    """Return a waterfall, as a proposal holds it, as bars that begin where the last one ended."""
    steps = list(_steps(waterfall))
    total, ends = 0.0, [0.0]
    for _, _, bits in steps:
        total += bits
        ends.append(total)
    low, high = min(ends), max(ends)
    scale = WIDTH / (high - low or 1.0)
    bars = [
        _bar(name, found, bits, ends[at], ends[at] + bits, low, scale)
        for at, (name, found, bits) in enumerate(steps)
    ]
    bars.append(_bar("sum", "", total, 0.0, total, low, scale))
    return Picture(bars=bars, zero=-low * scale)


def say_found(found: str, words: Words) -> str:
    """Return what a comparison found in the language of a page."""
    said = []
    for part in found.split("; ") if found else ():
        numbers = _NUMBER.findall(part)
        key = re.sub(r"[^a-z]+", "_", _NUMBER.sub("", part)).strip("_")
        values = dict(zip("ab", numbers, strict=False))
        said.append(words.known(f"found.{key}", "found", found=part, **values))
    return "; ".join(said)


def _steps(waterfall: Mapping[str, object]) -> Iterator[tuple[str, str, float]]:
    match waterfall:
        case {"prior_bits": float() | int() as prior, "steps": list(steps)}:
            yield "prior", "", float(prior)
            for each in steps:
                # What one of them does not say speaks neither for nor against.
                if each["bits"]:
                    yield each["comparison"], each["found"], float(each["bits"])


def _bar(
    name: str, found: str, bits: float, begin: float, end: float, low: float, scale: float
) -> Bar:
    kind = name if name in {"prior", "sum"} else "for" if bits > 0 else "against"
    return Bar(
        comparison=name,
        found=found,
        bits=bits,
        kind=kind,
        x=round((min(begin, end) - low) * scale, 1),
        width=max(1.0, round(abs(end - begin) * scale, 1)),
    )
