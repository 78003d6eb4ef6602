"""Calls for help: a shopper asks at a kiosk, staff answer on their page."""

import secrets
from dataclasses import dataclass

from edge_agent.clock import StoreTime
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.places import Place, event_at
from edge_agent.visits import visits
from edge_agent.visits.visits import Visit
from wire.events import HelpAnswered, HelpAsked

CALLS_SHOWN_MAX = 100
TOPIC_CHARACTERS_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call for help that nobody has answered yet."""

    call: str
    kiosk: str
    zone: str
    topic: str
    asked_at: int


def waiting(connection: sqlite3.Connection, kiosk: str | None = None) -> list[Call]:
    """Return the calls that wait (of one kiosk, or of all), the oldest first."""
    rows = connection.execute(
        "SELECT call, kiosk, zone, topic, asked_at FROM calls"
        " WHERE answered_at IS NULL AND (? IS NULL OR kiosk = ?) ORDER BY asked_at LIMIT ?",
        (kiosk, kiosk, CALLS_SHOWN_MAX),
    )
    return [
        Call(call=call, kiosk=at, zone=zone, topic=topic, asked_at=asked_at)
        for call, at, zone, topic, asked_at in rows
    ]


def ask(
    recorder: Recorder, clock: StoreTime, place: Place, visit: Visit | None, topic: str = ""
) -> Call:
    """Call for help from a kiosk; a kiosk whose call still waits keeps that one."""

    def change(writing: Writing) -> Call:
        for call in waiting(writing.connection, place.device):
            return call
        instant = clock.now()
        call = Call(
            call=secrets.token_hex(4),
            kiosk=place.device,
            zone=place.zone,
            topic=topic[:TOPIC_CHARACTERS_MAX],
            asked_at=instant.at,
        )
        writing.execute(
            "INSERT INTO calls (call, kiosk, zone, topic, asked_at) VALUES (?, ?, ?, ?, ?)",
            (call.call, call.kiosk, call.zone, call.topic, call.asked_at),
        )
        body = HelpAsked(call=call.call, topic=call.topic)
        if visit is None:
            writing.append(event_at(place, instant, body))
        else:
            writing.append(visit.event(instant, body))
            visits.touch(writing, instant, visit)
        return call

    return recorder.write(change)


def answer(recorder: Recorder, clock: StoreTime, place: Place, call: str) -> bool:
    """Note that staff answered a call; False when it was answered before, or never asked."""

    def change(writing: Writing) -> bool:
        instant = clock.now()
        cursor = writing.execute(
            "UPDATE calls SET answered_at = ? WHERE call = ? AND answered_at IS NULL",
            (instant.at, call),
        )
        if cursor.rowcount == 0:
            return False
        writing.append(event_at(place, instant, HelpAnswered(call=call)))
        return True

    return recorder.write(change)
