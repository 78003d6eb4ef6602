"""Events by kind, each with when it happened: sorted once for all that fold them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.atoms.acts import Timed, time_of
from wire.events import Body

ByKind = Mapping[type[Body], Sequence[Timed]]


class Sorted(list[LedgerEvent]):
    """The events of one fold, in the ledger's order, that are sorted by kind already."""

    def __init__(self, events: Iterable[LedgerEvent]) -> None:
        """Sort them: whoever asks for some kinds need not look at all events."""
        super().__init__(events)
        self.kinds: dict[type[Body], list[Timed]] = defaultdict(list)
        for each in self:
            self.kinds[type(each.event.body)].append((each, time_of(each)))

    def instead(self, kinds: Collection[type[Body]], events: Iterable[LedgerEvent]) -> "Sorted":
        """Return these events with others in the place of those of some kinds."""
        found = Sorted(events)
        for kind, some in self.kinds.items():
            if kind not in kinds:
                found.extend(each for each, _ in some)
                found.kinds[kind] = some
        return found


def by_kind(events: Sequence[LedgerEvent]) -> ByKind:
    """Return events by kind, in their order within each."""
    return events.kinds if isinstance(events, Sorted) else Sorted(events).kinds


def of_kinds(events: Sequence[LedgerEvent], *kinds: type[Body]) -> list[LedgerEvent]:
    """Return the events of some kinds, kind after kind."""
    found = by_kind(events)
    return [each for kind in kinds for each, _ in found.get(kind, ())]
