"""Visits: one stay at a kiosk, from the scan that began it to the tap or silence that ended it."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from edge_agent import local_view
from edge_agent.clock import Instant, StoreTime
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.places import Place, event_at
from edge_agent.visits import basket
from wire.events import AnyBody, Arrival, Event, VisitEnded
from wire.identifiers import Identifier, identifier_id
from wire.views import SHARED_THING, ShopperView

VISIT_BYTES = 8

# What may end a visit; VisitEnded.by is one of these. "ordinary" is the shopper's wish for the
# ordinary page, after which nothing that happens here is joined to them.
ENDED_BY = ("tap", "walk_away", "time_out", "other_member", "paid", "ordinary")

# How long after an ordinary end the one who asked for it is taken to stand there still.
ORDINARY_HOLDS_S = 120

_COLUMNS = "visit, kiosk, zone, identifiers, began_at, touched_at, named_at, ended_at, ended_by"
_identifiers = msgspec.msgpack.Decoder(tuple[Identifier, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One stay.

    `shopper` is the unified id, as soon as the cloud has said it; before that a deterministic one
    made of the keyed identifier, so that store-level content needs no cloud. Where the cloud says
    that many people use the identifier, it is one of this visit alone. It is None for a visit that
    nobody named; `named_at` is when a member's code was scanned. `consented` is what
    the cloud knows, False until it says so.
    """

    visit: bytes
    kiosk: str
    zone: str
    identifiers: tuple[Identifier, ...]
    began_at: int
    touched_at: int
    named_at: int | None = None
    ended_at: int | None = None
    ended_by: str = ""
    shopper: str | None = None
    consented: bool = False

    @property
    def place(self) -> Place:
        """Return where the visit is."""
        return Place(device=self.kiosk, zone=self.zone)

    def event(self, instant: Instant, body: AnyBody, *, brand: str = "") -> Event:
        """Build the event of something this visit's shopper does."""
        return event_at(
            self.place,
            instant,
            body,
            visit=self.visit,
            identifiers=self.identifiers,
            brand=brand,
        )


def fallback_shopper(identifiers: Sequence[Identifier]) -> str | None:
    """Return the shopper ID used until the cloud names one: the same in every store of the tenant.

    It is that of the strongest identifier, by which the cloud will know the shopper too; what they
    are joined with there comes later, and this ID stays resolvable.
    """
    return min(map(identifier_id, identifiers), default=None)


def anonymous_shopper(visit: bytes) -> str:
    """Return the shopper ID of a visit of which nobody can say whose it is: no other visit's."""
    return "a" + hashlib.blake2b(visit, digest_size=15, person=b"anonymous").hexdigest()


def current(connection: sqlite3.Connection, kiosk: str) -> Visit | None:
    """Return the visit that goes on at a kiosk."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM visits WHERE kiosk = ? AND ended_at IS NULL",  # noqa: S608 (a constant)
        (kiosk,),
    ).fetchone()
    return None if row is None else _visit(connection, row)


def ended_since(connection: sqlite3.Connection, kiosk: str, since: int) -> bool:
    """Tell whether a visit at a kiosk has ended since a time."""
    row = connection.execute(
        "SELECT 1 FROM visits WHERE kiosk = ? AND ended_at > ?", (kiosk, since)
    ).fetchone()
    return row is not None


def in_zone(connection: sqlite3.Connection, zone: str, since: int, until: int) -> list[Visit]:
    """Return the visits that overlap the time from `since` to `until` in a zone.

    One that ended by the wish for the ordinary page counts for ORDINARY_HOLDS_S longer: whoever
    asked for it may still stand there, and is joined to nothing that begins meanwhile.
    """
    held_since = since - ORDINARY_HOLDS_S * 1_000_000
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM visits WHERE zone = ? AND began_at <= ?"  # noqa: S608 (a constant)
        " AND (ended_at IS NULL OR ended_at >= ?)"
        " ORDER BY began_at",
        (zone, until, held_since),
    ).fetchall()
    found = [_visit(connection, row) for row in rows]
    return [
        each
        for each in found
        if each.ended_by == "ordinary" or each.ended_at is None or each.ended_at >= since
    ]


def begin(
    writing: Writing,
    instant: Instant,
    place: Place,
    identifiers: Sequence[Identifier] = (),
    *,
    by: str = "scan",
) -> Visit:
    """Begin a visit at a kiosk, or go on with the one whose shopper shows a code again.

    Another member's visit ends first. A visit that nobody had named so far becomes the one of the
    member who scans now: what was tapped before stays in the same visit.
    """
    shown = tuple(sorted(set(identifiers)))
    going_on = current(writing.connection, place.device)
    if going_on is not None and (not shown or set(shown) & set(going_on.identifiers)):
        touch(writing, instant, going_on)
        return going_on
    if going_on is not None and not going_on.identifiers:
        writing.execute(
            "UPDATE visits SET identifiers = ?, touched_at = ?, named_at = ? WHERE visit = ?",
            (msgspec.msgpack.encode(shown), instant.at, instant.at, going_on.visit),
        )
    else:
        end_in(writing, instant, place.device, by="other_member")
        _open(writing, instant, place, shown)
    begun = current(writing.connection, place.device)
    assert begun is not None  # noqa: S101 (opened above, in this transaction)
    writing.append(begun.event(instant, Arrival(by=by)))
    return begun


def touch(writing: Writing, instant: Instant, visit: Visit) -> None:
    """Note that the shopper did something, which puts the time-out off."""
    writing.execute(
        "UPDATE visits SET touched_at = max(touched_at, ?) WHERE visit = ?",
        (instant.at, visit.visit),
    )


def end(recorder: Recorder, clock: StoreTime, kiosk: str, by: str) -> bool:
    """End the visit at a kiosk; False when none was going on."""
    return recorder.write(lambda w: end_in(w, clock.now(), kiosk, by=by))


def end_in(writing: Writing, instant: Instant, kiosk: str, *, by: str) -> bool:
    """End the visit at a kiosk within the caller's transaction; False when none was going on.

    What lies unpaid in the basket of a till is put back: it is not the next shopper's.
    """
    visit = current(writing.connection, kiosk)
    if visit is None:
        return False
    basket.put_back(writing, kiosk, lambda body, brand: visit.event(instant, body, brand=brand))
    writing.execute(
        "UPDATE visits SET ended_at = ?, ended_by = ? WHERE visit = ?",
        (max(instant.at, visit.began_at), by, visit.visit),
    )
    writing.append(visit.event(instant, VisitEnded(by=by)))
    return True


def due(
    connection: sqlite3.Connection, *, idle_before: int, left_before: int
) -> list[tuple[str, str]]:
    """Return the kiosks whose visits must end, and by what.

    Those not touched since `idle_before` end by time-out; those whose zone has been empty since
    before `left_before`, and that nobody touched in the meantime, by walk-away.
    """
    return connection.execute(
        "SELECT kiosk, iif(touched_at < ?1, 'time_out', 'walk_away') FROM visits"
        " LEFT JOIN zones_now USING (zone) WHERE ended_at IS NULL AND (touched_at < ?1"
        " OR (people = 0 AND seen_at < ?2 AND touched_at < seen_at))",
        (idle_before, left_before),
    ).fetchall()


def forget_old(writing: Writing, before: int, rows_max: int) -> int:
    """Delete visits that ended before a time, at most `rows_max` of them; returns how many."""
    cursor = writing.execute(
        "DELETE FROM visits WHERE visit IN"
        " (SELECT visit FROM visits WHERE ended_at < ? ORDER BY ended_at LIMIT ?)",
        (before, rows_max),
    )
    return int(cursor.rowcount)


def _open(
    writing: Writing, instant: Instant, place: Place, identifiers: tuple[Identifier, ...]
) -> None:
    writing.execute(
        "INSERT INTO visits (visit, kiosk, zone, identifiers, began_at, touched_at,"
        " named_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            secrets.token_bytes(VISIT_BYTES),
            place.device,
            place.zone,
            msgspec.msgpack.encode(identifiers),
            instant.at,
            instant.at,
            instant.at if identifiers else None,
        ),
    )


def _visit(connection: sqlite3.Connection, row: sqlite3.Row) -> Visit:
    visit, kiosk, zone, packed, began_at, touched_at, named_at, ended_at, by = row
    identifiers = _identifiers.decode(packed)
    view = local_view.shopper(connection, identifiers)
    return Visit(
        visit=visit,
        kiosk=kiosk,
        zone=zone,
        identifiers=identifiers,
        began_at=began_at,
        touched_at=touched_at,
        named_at=named_at,
        ended_at=ended_at,
        ended_by=by,
        shopper=_shopper(visit, identifiers, view),
        consented=view is not None and view.consented,
    )


def _shopper(
    visit: bytes, identifiers: Sequence[Identifier], view: ShopperView | None
) -> str | None:
    if view is None:
        return fallback_shopper(identifiers)
    return anonymous_shopper(visit) if view.because.reason == SHARED_THING else view.shopper
