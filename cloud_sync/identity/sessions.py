"""Stays of people whom nobody knows: events of one device, or shared identifier, close in time."""

import hashlib
from collections.abc import Sequence

from cloud_sync.identity.observations import Observation

# Who does nothing for so long has gone. Kiosks themselves wait about as long.
SILENCE_US_MAX = 120 * 1_000_000
# Nobody stands at a kiosk longer; whoever follows without a pause is another.
SESSION_US_MAX = 30 * 60 * 1_000_000
# Events that say themselves that somebody has gone.
ENDING_KINDS = frozenset(
    {"visit_ended", "walk_away", "walked_away", "time_out", "timeout", "session_ended"}
    | {"session_end", "logout", "departure", "left"}
)


def anonymous_ids(
    observations: Sequence[Observation], shoppers: Sequence[str | None], places: Sequence[str]
) -> list[str]:
    """Return the shopper ID of each event; those of nobody known get the ID of their session.

    `observations` are in the order of time, `shoppers` the ID of each or None, and `places` where
    its session goes on: a device, or the shared identifiers where there is no device. A session
    ends by silence, by an event that says so, by somebody known at the same place, or when it has
    lasted too long. Its ID depends on its place and first event only.
    """
    found: list[str] = []
    running: dict[str, tuple[str, int, int]] = {}
    for observation, shopper, place in zip(observations, shoppers, places, strict=True):
        now = observation.occurred_at
        if shopper is not None:
            found.append(shopper)
            running.pop(place, None)
            continue
        session, began, last = running.get(place, ("", 0, 0))
        if not session or now - last > SILENCE_US_MAX or now - began > SESSION_US_MAX:
            session, began = _session_id(place, observation), now
        found.append(session)
        running[place] = (session, began, now)
        if observation.kind in ENDING_KINDS:
            del running[place]
    return found


def place_of(observation: Observation) -> str:
    """Return where an event's session goes on; an event without device is only its own."""
    if observation.device:
        return f"{observation.store}\x00{observation.device}"
    if shown := tuple(each for each in observation.identifiers if all(each)):
        return repr(shown)
    return f"{observation.store}\x00\x00{observation.event_id}"


def _session_id(place: str, first: Observation) -> str:
    content = f"{place}\x00{first.occurred_at}\x00{first.event_id}".encode()
    return "a" + hashlib.blake2b(content, digest_size=15, person=b"anonymous").hexdigest()
