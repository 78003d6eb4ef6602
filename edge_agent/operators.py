"""Who runs the store and its zones, so that each event says under whom it happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from wire.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """The store's operator, and those of the zones that somebody else runs."""

    store: str = ""
    zones: Mapping[str, str] = field(default_factory=dict)

    def sign(self, event: Event) -> Event:
        """Name the operator of the event's zone in it.

        It stands in the event itself, since a store that changes hands takes its past along.
        """
        operator = self.zones.get(event.zone, self.store)
        if event.operator or not operator:
            return event
        return msgspec.structs.replace(event, operator=operator)
