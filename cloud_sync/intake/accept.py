"""The cloud's half of the delivery protocol: what to do with a Batch, decided free of I/O.

How a shell (`worker.py`; the simulator has its own) uses it, for each message, in one transaction:

1. lock the stream's row and those of all streams that `origins_of` names, sorted (`FOR UPDATE`;
   only streams of the same store; an unknown one is `StreamState()`), and load their states;
2. look up which of these origins are held: a ledger row (stream, seq) with that checksum, or an
   accepted row whose own origin it is. The ledger therefore keeps each row's chain `checksum`, and
   its `origin` where it has one. Rows appended earlier in the same transaction count;
3. `accept` (or `accept_poison`, when the rows cannot even be told apart), append `rows`, save the
   state, keep `absent` for the reports, and mark the streams of `freeze` forked (`frozen`);
4. after the commit, and only then, publish `receipt_of` for each stream, duplicates included.

A Birth is answered with `receipt_of(..., nonce=birth.nonce)` for its stream, outside of any Batch.
A row that is no event is appended nowhere by the shell but quarantined; it counts as received.
An event's identity is its origin, or else its own (stream, seq, checksum): the ledger holds each
identity once. A forked stream takes nothing in any more: whoever still writes it is told to start
a new one, where its rows come again under their origin.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec
from msgspec.structs import replace

from wire.codec import chain_all
from wire.events import Origin
from wire.messages import Absent, Batch, Receipt, Verdict
from wire.ranges import Range, Ranges, add, count, missing, union, watermark

# At so many ranges a Batch that would make another one is not accepted; the store sends it again
# when its holes are filled. A store stops at half of it by itself.
HELD_RANGES_MAX = 64
# So many absent ranges can still be filled by rows that turn up after all.
ABSENT_RANGES_REMEMBERED_MAX = 256

NO_ORIGINS: Mapping[int, Origin] = {}
NOTHING_HELD: AbstractSet[Origin] = frozenset()


class Unacceptable(ValueError):
    """A Batch contradicts itself; it belongs into quarantine, and is given no receipt."""


class Held(msgspec.Struct, frozen=True, array_like=True):
    """A range of received seqs, and the chain checksums before its first and at its last row.

    0 stands for an unknown checksum.
    """

    first: int
    last: int
    before: int
    checksum: int


class StreamState(msgspec.Struct, frozen=True):
    """What the cloud knows of one stream: received ranges, those of them absent, and if forked."""

    held: tuple[Held, ...] = ()
    absent: Ranges = ()
    forked: bool = False

    @property
    def ranges(self) -> Ranges:
        """Return what is accounted for: received, absent or in quarantine."""
        return tuple([(held.first, held.last) for held in self.held])

    @property
    def watermark(self) -> int:
        """Return up to which seq everything is accounted for."""
        return watermark(self.ranges)


class AcceptedRow(msgspec.Struct, frozen=True):
    """A row to append to the ledger, with its chain checksum and origin."""

    seq: int
    checksum: int
    row: bytes
    origin: Origin | None = None


class AcceptedRows(msgspec.Struct, frozen=True):
    """Rows to append, column by column: those of a Batch are many, and nearly always all new.

    `origins` gives the origin of each that has one, by seq.
    """

    seqs: Sequence[int] = ()
    checksums: Sequence[int] = ()
    rows: Sequence[bytes] = ()
    origins: Mapping[int, Origin] = msgspec.field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[AcceptedRow]:
        """Yield them one by one."""
        for seq, checksum, row in zip(self.seqs, self.checksums, self.rows, strict=True):
            yield AcceptedRow(seq, checksum, row, self.origins.get(seq))


class Accepted(msgspec.Struct, frozen=True):
    """What a Batch comes to: rows to append, the new state, and what to tell the store.

    `absent` are ranges newly declared absent, to be reported; where rows are held under these
    numbers they came from another outbox, or their receipt was lost. `skipped` counts rows
    recorded again whose origin was held; `freeze` names the streams that these rows come from.
    `full` says that nothing was accepted because the stream is in too many pieces.
    """

    state: StreamState
    rows: AcceptedRows = AcceptedRows()
    absent: tuple[Absent, ...] = ()
    skipped: int = 0
    freeze: tuple[bytes, ...] = ()
    full: bool = False

    @property
    def verdict(self) -> Verdict:
        """Return what the Receipt says of the stream."""
        return "forked" if self.state.forked else "stored"


def listed(rows: Sequence[AcceptedRow]) -> AcceptedRows:
    """Return rows as columns."""
    return AcceptedRows(
        [row.seq for row in rows],
        [row.checksum for row in rows],
        [row.row for row in rows],
        {row.seq: row.origin for row in rows if row.origin is not None},
    )


def origins_of(origins: Iterable[Origin]) -> tuple[bytes, ...]:
    """Return the streams that rows were first recorded in, sorted, to be locked in this order."""
    return tuple(sorted({origin.stream for origin in origins}))


def accept(
    state: StreamState,
    batch: Batch,
    origins: Mapping[int, Origin] = NO_ORIGINS,
    held: AbstractSet[Origin] = NOTHING_HELD,
) -> Accepted:
    """Decide what of a Batch is new.

    `origins` gives the origin of each row that has one, by seq; `held` those that the ledger holds.

    Raises Unacceptable when the Batch contradicts itself.
    """
    chained = chain_all(batch.before, batch.rows)
    ends_with = chained[-1] if chained else batch.before
    piece = _piece(batch.first, len(batch.rows), batch.before, batch.absent, ends_with)
    if state.forked or _contradicts(state.held, batch.first, batch.before, chained):
        return Accepted(frozen(state))
    joined = _join(state.held, piece)
    if len(joined) > max(HELD_RANGES_MAX, len(state.held)):
        return Accepted(state, full=True)
    received = state.ranges
    span = batch.first, batch.last
    new = missing(received, *span)
    fillable = _overlap(state.absent, span) if state.absent and batch.rows else ()
    if fillable:
        new = union(new, fillable)
    rows, skipped = _rows(new, batch, chained, origins, held)
    if not (batch.absent or fillable or origins):
        return Accepted(StreamState(joined, state.absent), rows)
    return Accepted(
        StreamState(joined, _remember(state.absent, _without(received, batch.absent), fillable)),
        rows,
        _without(state.absent, batch.absent),
        skipped,
        tuple(stream for stream in origins_of(origins.values()) if stream != batch.stream),
    )


def _rows(
    new: Ranges,
    batch: Batch,
    chained: list[int],
    origins: Mapping[int, Origin],
    held: AbstractSet[Origin],
) -> tuple[AcceptedRows, int]:
    """Return the rows of these seqs, and how many are left out since their origin is held."""
    if new == ((batch.first, batch.last),) and not origins:
        return AcceptedRows(range(batch.first, batch.last + 1), chained, batch.rows), 0
    known = set(held)
    rows: list[AcceptedRow] = []
    skipped = 0
    for first, last in new:
        for seq in range(first, last + 1):
            at = seq - batch.first
            origin = origins.get(seq)
            if origin is not None:
                if origin in known:
                    skipped += 1
                    continue
                known.add(origin)
            rows.append(AcceptedRow(seq, chained[at], batch.rows[at], origin))
    return listed(rows), skipped


def accept_poison(
    state: StreamState, first: int, size: int, before: int, absent: tuple[Absent, ...] = ()
) -> Accepted:
    """Account for a Batch of `size` rows of which only the header can be read.

    Raises Unacceptable when the header contradicts itself.
    """
    piece = _piece(first, size, before, absent, 0 if size else before)
    if state.forked or _contradicts(state.held, first, before, []):
        return Accepted(frozen(state))
    joined = _join(state.held, piece)
    if len(joined) > max(HELD_RANGES_MAX, len(state.held)):
        return Accepted(state, full=True)
    remembered = _remember(state.absent, _without(state.ranges, absent), ())
    return Accepted(StreamState(joined, remembered), absent=_without(state.absent, absent))


def frozen(state: StreamState) -> StreamState:
    """Return the state of a stream that takes nothing in any more."""
    return state if state.forked else replace(state, forked=True)


def receipt_of(
    state: StreamState, *, stream: bytes, owner: bytes, credit: int, nonce: bytes = b""
) -> Receipt:
    """Return the Receipt for what is committed; `nonce` only in the answer to a Birth."""
    ranges = state.ranges
    mark = watermark(ranges)
    return Receipt(
        owner=owner,
        stream=stream,
        watermark=mark,
        ranges=ranges[1:] if mark else ranges,
        credit=credit,
        verdict="forked" if state.forked else "stored",
        nonce=nonce,
        checksum=state.held[0].checksum if mark else 0,
    )


def completeness(state: StreamState, head: int) -> tuple[int, int]:
    """Return how many of the seqs 1 to `head` are received, and how many are declared absent."""
    absent = count(state.absent)
    return min(head, count(state.ranges)) - absent, absent


def _piece(first: int, size: int, before: int, absent: tuple[Absent, ...], checksum: int) -> Held:
    """Return the range that a Batch accounts for, which ends with a checksum."""
    start = absent[0].first if absent else first
    at = start
    for gone in absent:
        if gone.first != at or gone.last < at:
            raise Unacceptable(f"the absent range {gone.first}..{gone.last} does not begin at {at}")
        at = gone.last + 1
    if at != first or start < 1 or size < 0 or not (size or absent):
        raise Unacceptable(f"the Batch accounts for nothing, or its rows do not begin at {at}")
    return Held(start, first + size - 1, 0 if absent else before, checksum)


def _contradicts(held: tuple[Held, ...], first: int, before: int, chained: list[int]) -> bool:
    """Tell whether a Batch's chain differs from that of held rows, wherever both are known."""
    last = first + len(chained) - 1
    for each in held:
        if each.last < first - 1 or each.first - 1 > last:
            continue
        for seq, checksum in ((each.last, each.checksum), (each.first - 1, each.before)):
            if first - 1 <= seq <= last:
                own = before if seq == first - 1 else chained[seq - first]
                if own and checksum and own != checksum:
                    return True
    return False


def _join(held: tuple[Held, ...], piece: Held) -> tuple[Held, ...]:
    """Return the ranges with one more, joined with those that it touches."""
    if len(held) == 1 and held[0].last + 1 == piece.first:  # as in a stream without holes
        return (Held(held[0].first, piece.last, held[0].before, piece.checksum),)
    apart = []
    for other in held:
        if other.last + 1 < piece.first or other.first > piece.last + 1:
            apart.append(other)
            continue
        lower, upper = (piece, other) if piece.first < other.first else (other, piece)
        before = lower.before
        if lower.first == upper.first:
            before = before or upper.before
        lower, upper = (piece, other) if piece.last < other.last else (other, piece)
        checksum = upper.checksum
        if lower.last == upper.last:
            checksum = checksum or lower.checksum
        piece = Held(min(piece.first, other.first), max(piece.last, other.last), before, checksum)
    apart.append(piece)
    if len(apart) > 1:
        apart.sort(key=_first)
    return tuple(apart)


def _first(held: Held) -> int:
    return held.first


def _without(known: Ranges, absent: tuple[Absent, ...]) -> tuple[Absent, ...]:
    """Return what of the absent ranges is not known yet."""
    return tuple(
        Absent(first, last, gone.reason)
        for gone in absent
        for first, last in missing(known, gone.first, gone.last)
    )


def _overlap(ranges: Ranges, part: Range) -> Ranges:
    first, last = part
    return tuple(
        (max(first, start), min(last, end))
        for start, end in ranges
        if start <= last and end >= first
    )


def _remember(absent: Ranges, new: tuple[Absent, ...], filled: Ranges) -> Ranges:
    """Return the absent ranges with the new and without the filled ones, the newest of too many."""
    for gone in new:
        absent = add(absent, gone.first, gone.last)
    if filled:
        absent = tuple(part for first, last in absent for part in missing(filled, first, last))
    return absent[-ABSENT_RANGES_REMEMBERED_MAX:]
