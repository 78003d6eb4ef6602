"""What lamps, buzzers, locks and printers do when a kiosk or till has answered a code.

The acts wait in the database, in the transaction of the answer itself; each device's own thread
takes its own from there (see `devices.py`), so that a slow or broken one delays nobody.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from edge_agent.clock import Instant
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Writing
from edge_agent.places import Place, event_at
from hardware.driver import Act, ActName
from wire.events import Acted

# Acts that wait for one device; a further one is recorded as failed and not done.
ACTS_WAITING_MAX = 20
# An act that could not begin for so long is recorded as failed and not done: a door must not open
# and a lamp not light for a shopper who has gone. A receipt may come late.
ACT_LATE_S_MAX = 10
PRINT_LATE_S_MAX = 300

_GREEN = Act(name="light", value="green", duration_ms=1_500)
_YELLOW = Act(name="light", value="yellow", duration_ms=800)
_RED = Act(name="light", value="red", duration_ms=1_500)
_SHORT = Act(name="sound", value="short", duration_ms=120)
_RECEIPT = Act(name="print")
_UNLOCK = Act(name="unlock", duration_ms=5_000)

# Every kind of answer and the acts that go with it; the receipt's text is filled in. A device does
# those that it was configured to do: without a lock nothing is unlocked.
ACTS: Mapping[str, tuple[Act, ...]] = MappingProxyType(
    {
        "welcome": (_GREEN, _SHORT),
        "product": (_GREEN, _SHORT),
        "product_not_here": (_RED,),
        "coupon": (_GREEN, _SHORT),
        "coupon_unknown": (_RED,),
        "coupon_used": (_RED,),
        "coupon_refused": (_RED,),
        "member_first": (_RED,),
        "page": (_GREEN, _SHORT),
        "store": (_GREEN, _SHORT),
        "store_other": (_RED,),
        "added_to_basket": (_GREEN, _SHORT),
        "basket_full": (_RED,),
        "other_currency": (_RED,),
        "paid": (_GREEN, _SHORT, _RECEIPT, _UNLOCK),
        "basket_empty": (_RED,),
        "already_scanned": (_YELLOW,),
        "wrong_kind": (_RED,),
        "unknown_code": (_RED,),
        "empty_code": (_RED,),
        "too_long": (_RED,),
        "uncertain": (_YELLOW,),
        "unreadable_image": (_RED,),
        "device": (_RED,),
        "not_charged": (_RED,),
        "unsigned": (_RED,),
        "wrong_signature": (_RED,),
        "token_expired": (_RED,),
        "token_early": (_RED,),
        "token_used": (_RED,),
        "tokens_full": (_RED,),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A device that acts on the answers of a kiosk or till, and what it was configured to do."""

    place: Place
    can: frozenset[ActName]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An act that a device was asked for."""

    number: int
    act: Act
    asked_at: int

    def is_late(self, at: int) -> bool:
        """Tell whether the act has waited too long to be of use."""
        late_s_max = PRINT_LATE_S_MAX if self.act.name == "print" else ACT_LATE_S_MAX
        return abs(at - self.asked_at) > late_s_max * 1_000_000


def ask(
    writing: Writing, instant: Instant, actors: Collection[Actor], kind: str, receipt: str = ""
) -> None:
    """Ask the devices of a kiosk for the acts that go with an answer, in its transaction."""
    for actor in actors:
        for act in ACTS[kind]:
            if act.name in actor.can:
                wanted = replace(act, value=receipt) if act.name == "print" else act
                _ask_one(writing, instant, actor.place, wanted)


def waiting(connection: sqlite3.Connection, device: str, after: int) -> list[Asked]:
    """Return the acts that wait for a device, above a number, in their order."""
    rows = connection.execute(
        "SELECT number, name, value, duration_ms, asked_at FROM acts"
        " WHERE device = ? AND number > ? ORDER BY number",
        (device, after),
    ).fetchall()
    return [
        Asked(
            number=number,
            act=Act(name=name, value=value, duration_ms=duration_ms),
            asked_at=asked_at,
        )
        for number, name, value, duration_ms, asked_at in rows
    ]


def done(writing: Writing, number: int) -> None:
    """Take an act out of those that wait."""
    writing.execute("DELETE FROM acts WHERE number = ?", (number,))


def keep_only(writing: Writing, devices: Collection[str]) -> None:
    """Forget the acts of devices that the configuration no longer names."""
    known = writing.execute("SELECT DISTINCT device FROM acts").fetchall()
    for (device,) in known:
        if device not in devices:
            writing.execute("DELETE FROM acts WHERE device = ?", (device,))


def _ask_one(writing: Writing, instant: Instant, place: Place, act: Act) -> None:
    (count,) = writing.execute(
        "SELECT count(*) FROM acts WHERE device = ?", (place.device,)
    ).fetchone()
    if count >= ACTS_WAITING_MAX:
        reason = f"{count} acts wait already: is the device stuck?"
        writing.append(event_at(place, instant, Acted(act.name, succeeded=False, reason=reason)))
        return
    writing.execute(
        "INSERT INTO acts (device, name, value, duration_ms, asked_at) VALUES (?, ?, ?, ?, ?)",
        (place.device, act.name, act.value, act.duration_ms, instant.at),
    )
