"""Shared things are found by what they are seen with, whatever hides them at first."""

from cloud_sync.identity.observations import Observation
from cloud_sync.identity.shared import shared_by_degree
from cloud_sync.identity.sightings import sightings_of

DAY_US = 86_400_000_000
TABLET = ("app", "unit-x-77")


def test_a_shared_thing_hidden_behind_other_shared_things_is_found_after_them():
    """A tablet's cookies count only when the kiosks that saw them too are known."""
    kiosks = [("app", f"kiosk-tab-{number:02}z") for number in range(20)]
    seen = []
    for number in range(400):
        cookie = ("web", f"cookie-{number:04}q")
        seen.append((number * DAY_US // 20, TABLET, cookie))
        seen += [(number * DAY_US // 20 + 1, kiosk, cookie) for kiosk in kiosks]
    for kiosk in kiosks:
        for number in range(200):
            member = ("member", f"M{number:05}k{kiosk[1]}")
            seen.append((number * DAY_US // 50 + 2, kiosk, member))
    sightings = sightings_of(
        Observation(
            occurred_at=at,
            event_id=str(number),
            store="",
            device="",
            kind="x",
            identifiers=tuple(sorted(pair)),
        )
        for number, (at, *pair) in enumerate(seen)
    )
    found = {sightings.identifiers[at] for at in shared_by_degree(sightings)}
    assert found == {TABLET, *kiosks}
