"""What a shopper marks: products saved or tried, brands and series followed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent import local_view
from edge_agent.clock import StoreTime
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.visits import visits
from edge_agent.visits.visits import Visit
from wire.events import AnyBody, Consent, Followed, Saved, Tried
from wire.views import ShopperView

# The text on the kiosk's privacy page that shoppers agree to.
CONSENT_VERSION = "kiosk-2026-11"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkKind:
    """One kind of mark: what the cloud says is marked, and the event and brand of a new mark.

    What is marked `in_visit` counts for that visit alone, and the cloud says nothing of it.
    """

    name: str
    told: Callable[[ShopperView], Sequence[str]]
    body: Callable[[str, bool], AnyBody]
    brand: Callable[[sqlite3.Connection, str], str]
    in_visit: bool = False


SAVED = MarkKind(
    name="saved",
    told=lambda view: view.saved,
    body=lambda product, on: Saved(product=product, saved=on),
    brand=local_view.brand,
)
FOLLOWED = MarkKind(
    name="followed",
    told=lambda view: view.followed,
    body=lambda subject, on: Followed(subject=subject, followed=on),
    brand=lambda connection, subject: local_view.series(connection).get(subject, subject),
)
TRIED = MarkKind(
    name="tried",
    told=lambda _view: (),
    body=lambda product, _on: Tried(product=product),
    brand=local_view.brand,
    in_visit=True,
)
# Whether the shopper allows a purpose: said to the cloud at once, and kept to here at once.
CONSENTED = MarkKind(
    name="consent",
    told=lambda view: ("offers",) if view.consented else (),
    body=lambda purpose, on: Consent(purpose, on, CONSENT_VERSION, "kiosk"),
    brand=lambda _connection, _purpose: "",
)


def marked(connection: sqlite3.Connection, visit: Visit, kind: MarkKind) -> list[str]:
    """Return what the shopper has marked, the newest tap in this store counting most."""
    view = local_view.shopper(connection, visit.identifiers)
    things = dict.fromkeys(() if view is None else kind.told(view), True)
    decided_at = 0 if view is None else view.decided_at
    since = {
        each.key: decided_at - local_view.MARK_HOLDS_S * 1_000_000 for each in visit.identifiers
    }
    # The cloud cannot have decided over a list that nobody's code stood for.
    since[_unnamed(visit)] = 0
    taps = [
        tap
        for subject, after in since.items()
        for tap in connection.execute(
            "SELECT marked_at, thing, is_on FROM marks"
            " WHERE kind = ? AND subject = ? AND marked_at > ?",
            (kind.name, subject, after),
        )
    ]
    things.update({thing: bool(on) for _, thing, on in sorted(taps)})
    return [thing for thing, on in things.items() if on]


def mark(
    recorder: Recorder, clock: StoreTime, visit: Visit, kind: MarkKind, thing: str, on: bool = True
) -> None:
    """Mark something, or take the mark off; a repeated tap records nothing."""

    def change(writing: Writing) -> None:
        if (thing in marked(writing.connection, visit, kind)) == on:
            return
        instant = clock.now()
        writing.execute(
            "DELETE FROM marks WHERE kind = ? AND subject = ? AND thing = ?",
            (kind.name, _unnamed(visit), thing),
        )
        writing.execute(
            "INSERT INTO marks (kind, subject, thing, is_on, marked_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, subject, thing) DO UPDATE SET is_on = excluded.is_on,"
            " marked_at = excluded.marked_at",
            (kind.name, _subject(visit, kind), thing, int(on), instant.at),
        )
        brand = kind.brand(writing.connection, thing)
        writing.append(visit.event(instant, kind.body(thing, on), brand=brand))
        visits.touch(writing, instant, visit)

    recorder.write(change)


def _subject(visit: Visit, kind: MarkKind) -> str:
    """Return in whose name something is marked: a keyed identifier, or a visit nobody named."""
    if kind.in_visit or not visit.identifiers:
        return _unnamed(visit)
    return visit.identifiers[0].key


def _unnamed(visit: Visit) -> str:
    """Return the name of a visit's own list, which goes on when its shopper shows a code later."""
    return f"visit:{visit.visit.hex()}"
