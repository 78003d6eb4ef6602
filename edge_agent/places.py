"""Where in the store something happens: a device in a zone, and the event that happens there."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from edge_agent.clock import Instant
from wire.events import AnyBody, Event
from wire.identifiers import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A device and the zone it stands in; who runs the zone is named by the recorder."""

    device: str
    zone: str


def event_at(
    place: Place,
    instant: Instant,
    body: AnyBody,
    *,
    visit: bytes = b"",
    identifiers: Sequence[Identifier] = (),
    brand: str = "",
) -> Event:
    """Build the event of something that happens at a place."""
    return Event(
        occurred_at=instant.at,
        mono_ms=instant.mono_ms,
        boot=instant.boot,
        clock=int(instant.quality),
        device=place.device,
        zone=place.zone,
        identifiers=tuple(identifiers),
        body=body,
        visit=visit,
        brand=brand,
    )


def moment(now: Instant, mono_ms: int) -> Instant:
    """Return the moment at which the monotonic clock stood at `mono_ms`, seen from now."""
    return replace(now, at=now.at - (now.mono_ms - mono_ms) * 1_000, mono_ms=mono_ms)
