"""What the screens are given by the agent: the store's parts, its kiosks, zones and languages."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from edge_agent.clock import StoreTime
from edge_agent.database.database import Database
from edge_agent.delivery.recorder import Recorder
from edge_agent.doorbell import Doorbell
from edge_agent.health import Health
from edge_agent.places import Place
from edge_agent.visits.actions import Kiosk
from kiosk_ui.line import Line, LineWatch
from kiosk_ui.texts import LANGUAGES, Words

SECRET_BYTES = 32
# Why something that was posted to a scanner is no code.
Refusal = Literal["unreadable_image", "too_long"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """A scanner whose codes are posted to the store's address.

    `post` takes a code and the name by which it counts once, and raises RecordError when it was
    not recorded; `refuse` takes that something else was posted, and why it is no code. It belongs
    to the page of `kiosk` (or till), or to whoever holds its `token`.
    """

    post: Callable[[bytes, str], None]
    refuse: Callable[[Refusal], None]
    kiosk: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One store as its screens see it.

    `kiosks` and `tills` map each to where it stands, `zones` each zone to its title by language. An
    empty `staff_pin_hash` (see `werkzeug.security.generate_password_hash`) closes the staff page.
    `scanners` are those whose codes are posted here, by the name of their device.
    `visits_kept_days` and `personal_days_max` are what the privacy notice says.
    `media` is the folder of the goods' videos.
    `frame_ancestors` are the origins that may show a screen in a frame, besides this one.
    `secret` signs forms and staff entries; a new one at each start signs everybody out.
    """

    recorder: Recorder
    database: Database
    clock: StoreTime
    doorbell: Doorbell
    health: Callable[[], Health]
    link_up: Callable[[], bool]
    tenant: str
    store: str
    name: Mapping[str, str]
    kiosks: Mapping[str, Place]
    zones: Mapping[str, Mapping[str, str]]
    tills: Mapping[str, Place] = field(default_factory=dict)
    scanners: Mapping[str, Scanner] = field(default_factory=dict)
    languages: tuple[str, ...] = LANGUAGES
    staff_pin_hash: str = ""
    time_zone: str = "UTC"
    visits_kept_days: int = 30
    personal_days_max: int = 90
    media: Path | None = None
    frame_ancestors: tuple[str, ...] = ()
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(SECRET_BYTES), repr=False)
    line_watch: LineWatch = field(default_factory=LineWatch, repr=False)

    def kiosk(self, kiosk: str) -> Kiosk:
        """Return a kiosk of this store with what its acts are recorded into; KeyError for none."""
        return Kiosk(recorder=self.recorder, clock=self.clock, place=self.kiosks[kiosk])

    def page_scanner(self, kiosk: str) -> Scanner | None:
        """Return the scanner that types into the page of a kiosk or till, if there is one."""
        typing = (each for each in self.scanners.values() if not each.token)
        return next((each for each in typing if each.kiosk == kiosk), None)

    def line(self, at: int) -> Line:
        """Return how the line to headquarters is."""
        return self.line_watch.look(up=self.link_up(), at=at)

    def zone_title(self, zone: str, words: Words) -> str:
        """Return the title of a zone, or its name where nobody gave it one."""
        return words.pick(self.zones.get(zone, {})) or zone

    def wall_time(self, at: int) -> str:
        """Return a time as the store's clocks on the wall show it, such as `14:05`."""
        return datetime.fromtimestamp(at / 1_000_000, ZoneInfo(self.time_zone)).strftime("%H:%M")

    def day_began_at(self, at: int) -> int:
        """Return when the store's day of a time began, in µs UTC."""
        local = datetime.fromtimestamp(at / 1_000_000, ZoneInfo(self.time_zone))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return int(midnight.timestamp()) * 1_000_000
