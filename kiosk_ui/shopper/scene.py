"""What a page of a shopper is drawn from, and what is drawn."""

from dataclasses import dataclass, field

from edge_agent.database.sqlite import sqlite3
from kiosk_ui.shopper.moment import Moment
from kiosk_ui.store import Store
from kiosk_ui.texts import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Where a page is drawn: the store, its kiosk, the words of its language, the form's token."""

    store: Store
    kiosk: str
    words: Words
    token: str

    @property
    def zone(self) -> str:
        """Return the zone in which the kiosk stands."""
        return self.store.kiosks[self.kiosk].zone


@dataclass(frozen=True, slots=True)
class Scene:
    """A screen at a moment, and what the page asked for is about: a product, a coupon, a group."""

    screen: Screen
    moment: Moment
    subject: str = ""

    @property
    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection to the store's database."""
        return self.screen.store.database.reader()

    @property
    def words(self) -> Words:
        """Return the texts of the screen's language."""
        return self.screen.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to draw: its name is that of its template and of its PageShown event."""

    name: str
    because: str = ""
    subject: str = ""
    status: int = 200
    values: dict[str, object] = field(default_factory=dict)
