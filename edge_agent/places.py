"""Where in the store something happens: a device in a zone, and the event that happens there."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.clock import Instant
from wire.events import AnyBody, Event
from wire.identifiers import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A device and the zone it stands in.

    `operator` is empty where the store's own operator runs the zone, which the Birth names; only
    a shop within the shop names itself here.
    """

    device: str
    zone: str
    operator: str = ""


def event_at(
    place: Place,
    instant: Instant,
    body: AnyBody,
    *,
    visit: bytes = b"",
    identifiers: Sequence[Identifier] = (),
    brand: str = "",
    occurred_at: int | None = None,
) -> Event:
    """Build the event of something that happens at a place now (or at `occurred_at`)."""
    return Event(
        occurred_at=instant.at if occurred_at is None else occurred_at,
        mono_ms=instant.mono_ms,
        boot=instant.boot,
        clock=int(instant.quality),
        device=place.device,
        zone=place.zone,
        identifiers=tuple(identifiers),
        body=body,
        visit=visit,
        brand=brand,
        operator=place.operator,
    )
