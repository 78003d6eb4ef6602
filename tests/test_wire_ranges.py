from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wire.ranges import above, add, count, holds, missing, union, watermark

pairs = st.tuples(st.integers(1, 40), st.integers(0, 6)).map(lambda p: (p[0], p[0] + p[1]))
sets = st.lists(pairs, max_size=8)


def seqs(ranges) -> set[int]:
    return {seq for first, last in ranges for seq in range(first, last + 1)}


@given(sets, pairs)
def test_ranges_are_sets_of_seqs(listed, part):
    ranges = union((), listed)
    first, last = part

    assert seqs(ranges) == seqs(listed)
    assert count(ranges) == len(seqs(listed))
    assert seqs(add(ranges, first, last)) == seqs(listed) | seqs([part])
    assert seqs(missing(ranges, first, last)) == seqs([part]) - seqs(listed)
    assert seqs(above(ranges, first)) == {seq for seq in seqs(listed) if seq > first}
    assert holds(ranges, first) == (first in seqs(listed))


@given(sets)
def test_ranges_neither_overlap_nor_touch(listed):
    ranges = union((), listed)

    assert all(a[1] + 1 < b[0] for a, b in pairwise(ranges))


@given(sets)
def test_the_watermark_is_the_last_seq_before_the_first_hole(listed):
    have = seqs(listed)

    expected = next(seq for seq in range(60) if seq + 1 not in have)

    assert watermark(union((), listed)) == expected


def test_nothing_is_added_backwards():
    assert add(((1, 2),), 5, 4) == ((1, 2),)
