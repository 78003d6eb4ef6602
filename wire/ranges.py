"""Sets of seqs as sorted ranges: the arithmetic that both ends of the delivery protocol share.

A set is a tuple of `(first, last)` pairs, inclusive, ascending, neither overlapping nor touching.
"""

from collections.abc import Iterable

Range = tuple[int, int]
Ranges = tuple[Range, ...]


def add(ranges: Ranges, first: int, last: int) -> Ranges:
    """Return the set with `first` to `last` in it as well; nothing is added when last < first."""
    if last < first:
        return ranges
    if not ranges:
        return ((first, last),)
    # What is added lies at the end, as a rule: behind the last range, or it makes that one longer.
    start, end = ranges[-1]
    if end + 1 < first:
        return (*ranges, (first, last))
    if start <= first:
        return (*ranges[:-1], (start, last)) if end < last else ranges
    start = 0
    while ranges[start][1] + 1 < first:
        start += 1
    end = start
    while end < len(ranges) and ranges[end][0] <= last + 1:
        end += 1
    if start < end:
        first = min(first, ranges[start][0])
        last = max(last, ranges[end - 1][1])
    return (*ranges[:start], (first, last), *ranges[end:])


def union(ranges: Ranges, others: Iterable[Range]) -> Ranges:
    """Return the set of all seqs in either."""
    for first, last in others:
        ranges = add(ranges, first, last)
    return ranges


def missing(ranges: Ranges, first: int, last: int) -> Ranges:
    """Return what of `first` to `last` is not in the set."""
    gaps = []
    for start, end in ranges:
        if end < first:
            continue
        if start > last:
            break
        if start > first:
            gaps.append((first, start - 1))
        first = end + 1
    if first <= last:
        gaps.append((first, last))
    return tuple(gaps)


def watermark(ranges: Ranges) -> int:
    """Return up to which seq the set has no hole: the end of its first range, or 0."""
    return ranges[0][1] if ranges and ranges[0][0] <= 1 else 0


def above(ranges: Ranges, seq: int) -> Ranges:
    """Return what of the set lies above a seq."""
    return tuple([(max(first, seq + 1), last) for first, last in ranges if last > seq])


def holds(ranges: Ranges, seq: int) -> bool:
    """Tell whether a seq is in the set."""
    return any(first <= seq <= last for first, last in ranges)


def count(ranges: Iterable[Range]) -> int:
    """Return how many seqs the ranges cover."""
    return sum(last - first + 1 for first, last in ranges)
