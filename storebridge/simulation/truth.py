"""What really happened in a schedule, and whether both ends agree with it in the end."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

Position = tuple[bytes, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is wrong after a schedule: nothing, if the product keeps its promises."""

    lost: tuple[int, ...] = ()
    doubled: tuple[int, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Tell whether every promise was kept."""
        return not (self.lost or self.doubled or self.broken)

    @property
    def summary(self) -> str:
        """Say in one line what is wrong."""
        found = [f"{len(self.lost)} events lost", f"{len(self.doubled)} doubled", *self.broken]
        return "; ".join(found)


@dataclass(slots=True)
class Lineage:
    """The history of one disk: all events ever recorded in it, and the coupons it redeemed.

    A backup is a lineage that stands still; a restored or cloned disk begins with a copy of it.
    """

    recorded: set[int] = field(default_factory=set)
    seqs: set[Position] = field(default_factory=set)
    redeemed: set[str] = field(default_factory=set)

    def copied(self) -> "Lineage":
        """Return a copy."""
        return Lineage(set(self.recorded), set(self.seqs), set(self.redeemed))


@dataclass(slots=True)
class Truth:
    """The notes of an observer who sees everything and changes nothing.

    `let_go` are events that a store may lose if it says so: no room, or damage at rest.
    `forgotten` were held by a cloud that was put back to a backup since, `unsaid` reported to it.
    """

    places: dict[int, tuple[Position, ...]] = field(default_factory=dict)
    let_go: set[int] = field(default_factory=set)
    destroyed: set[int] = field(default_factory=set)
    forgotten: set[int] = field(default_factory=set)
    unsaid: set[Position] = field(default_factory=set)
    at: dict[Position, tuple[int, ...]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def recorded(self, lineage: Lineage, number: int, stream: bytes, seq: int) -> None:
        """Note that `record()` returned: from now on the event may not be lost."""
        place = stream, seq
        if place in lineage.seqs:
            self.broken.append(f"seq {seq} was given twice in one stream")
        lineage.seqs.add(place)
        lineage.recorded.add(number)
        self.places[number] = (place,)  # it is recorded once, though it may be moved
        self.at[place] = (*self.at.get(place, ()), number)

    def redeemed(self, lineage: Lineage, coupon: str) -> None:
        """Note that a shopper was told that the coupon is redeemed."""
        if coupon in lineage.redeemed:
            self.broken.append(f"coupon {coupon} was redeemed twice on one disk")
        lineage.redeemed.add(coupon)

    def numbers(self, lineage: Lineage, stream: bytes, seqs: Iterable[int]) -> set[int]:
        """Return the events that one disk holds at these seqs."""
        found = (self.at.get((stream, seq), ()) for seq in seqs)
        return set().union(*found) & lineage.recorded

    def renumbered(
        self, lineage: Lineage, former: bytes, stream: bytes, seqs: Mapping[int, int]
    ) -> None:
        """Note that a stream was forked: the rows of the former one have new seqs."""
        for old, new in seqs.items():
            lineage.seqs.add((stream, new))
            for number in self.at.get((former, old), ()):
                if number in lineage.recorded:
                    self._place(number, (stream, new))

    def lost_with_disk(self, old: Lineage, restored: Lineage) -> None:
        """Note that a disk was destroyed: what the backup has not, no store can send any more."""
        self.destroyed |= old.recorded - restored.recorded

    def cloud_restored(
        self, events: Iterable[int], reported: Mapping[bytes, AbstractSet[int]]
    ) -> None:
        """Note what a cloud knew that is now put back to a backup."""
        self.forgotten.update(events)
        self.unsaid.update((stream, seq) for stream, seqs in reported.items() for seq in seqs)

    def findings(
        self,
        events: Sequence[int],
        absent: Mapping[bytes, AbstractSet[int]],
        living: Sequence[Lineage],
        streams: AbstractSet[bytes],
        broken: Sequence[str],
    ) -> Findings:
        """Compare with what the ledger holds and reports in the end, where `streams` go on."""
        counted = Counter(events)
        doubled = tuple(number for number, times in counted.items() if times > 1)
        kept = set().union(*(lineage.recorded for lineage in living))
        lost = [
            number
            for number, places in self.places.items()
            if number not in counted
            and not (number in self.destroyed and number not in kept)
            and not (number in self.let_go and self._said(number, places, absent, streams))
        ]
        strange = [number for number in counted if number not in self.places]
        if strange:
            self.broken.append(f"the ledger holds {len(strange)} events that nobody recorded")
        return Findings(lost=tuple(lost), doubled=doubled, broken=(*self.broken, *broken))

    def _said(
        self,
        number: int,
        places: Sequence[Position],
        absent: Mapping[bytes, AbstractSet[int]],
        streams: AbstractSet[bytes],
    ) -> bool:
        """Tell whether a loss is reported, or was settled with a cloud that was restored since.

        A store that has gone on to another stream does not say that again: it keeps no row of it.
        """
        if any(seq in absent.get(stream, ()) for stream, seq in places):
            return True
        settled = number in self.forgotten or not self.unsaid.isdisjoint(places)
        return settled and all(stream not in streams for stream, _ in places)

    def _place(self, number: int, place: Position) -> None:
        self.places[number] = (*self.places.get(number, ()), place)
        self.at[place] = (*self.at.get(place, ()), number)
