"""Everything a kiosk's screen depends on, so that two moments tell whether it must change."""

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec

from edge_agent import local_view
from edge_agent.database.sqlite import sqlite3
from edge_agent.visits import answers, calls, marks, visits, wallet
from edge_agent.visits.answers import Answer
from edge_agent.visits.calls import Call
from edge_agent.visits.marks import FOLLOWED, SAVED, TRIED
from edge_agent.visits.visits import Visit
from kiosk_ui.store import Store
from wire.views import CouponView, ShopperView

# An answer older than this is not shown to whoever opens the page next, nor one of a visit before.
ANSWER_SHOWN_S_MAX = 30

Difference = Literal["nothing", "visit", "answer", "call", "news", "content"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is true at a kiosk now: who is here, what is theirs, and what was last scanned.

    `pending` are the coupons that were redeemed at a kiosk and come off at the till yet.
    """

    at: int
    visit: Visit | None
    view: ShopperView | None
    coupons: tuple[CouponView, ...]
    pending: tuple[str, ...]
    saved: tuple[str, ...]
    followed: tuple[str, ...]
    tried: tuple[str, ...]
    answer: Answer | None
    call: Call | None

    @property
    def visit_id(self) -> str:
        """Return the visit's id as pages carry it, empty for none."""
        return "" if self.visit is None else self.visit.visit.hex()

    @property
    def mark(self) -> str:
        """Return what changes whenever the screen must: visit, answer, call, news and content."""
        answer = "" if self.answer is None else f"{self.answer.kind}@{self.answer.at}"
        call = "" if self.call is None else self.call.call
        named = "" if self.visit is None or not self.visit.identifiers else "n"
        offered = [each.coupon for each in self.coupons if each.state != "redeemed"]
        proposed = [each.product for each in self.view.recommended] if self.view else []
        news = _digest(offered, proposed)
        content = _digest(self.view, self.coupons, self.pending, self.saved, self.followed)
        return f"{self.visit_id}{named}.{answer}.{call}.{news}.{content}"

    def coupon(self, coupon: str) -> CouponView | None:
        """Return one of the shopper's coupons."""
        return next((each for each in self.coupons if each.coupon == coupon), None)


def look(store: Store, kiosk: str) -> Moment:
    """Read from the database what is true at a kiosk now."""
    connection = store.database.reader()
    at = store.clock.now().at
    visit = visits.current(connection, kiosk)
    waiting = calls.waiting(connection, kiosk)
    return Moment(
        at=at,
        visit=visit,
        view=None if visit is None else local_view.shopper(connection, visit.identifiers),
        coupons=() if visit is None else tuple(wallet.coupons(connection, visit, at)),
        pending=()
        if visit is None
        else tuple(each.coupon for each in wallet.spendable(connection, visit)),
        saved=() if visit is None else tuple(marks.marked(connection, visit, SAVED)),
        followed=() if visit is None else tuple(marks.marked(connection, visit, FOLLOWED)),
        tried=() if visit is None else tuple(marks.marked(connection, visit, TRIED)),
        answer=_answer(connection, kiosk, at),
        call=waiting[0] if waiting else None,
    )


def difference(shown: str, mark: str) -> Difference:
    """Tell what changed between two marks, the weightiest first."""
    if shown == mark:
        return "nothing"
    before, now = shown.split("."), mark.split(".")
    if len(before) != len(now) or before[0] != now[0]:
        return "visit"
    if now[1] and before[1] != now[1]:
        return "answer"
    if before[2] != now[2]:
        return "call"
    if before[3] != now[3]:
        return "news"
    return "content" if before[4] != now[4] else "nothing"


def _answer(connection: sqlite3.Connection, kiosk: str, at: int) -> Answer | None:
    """Return the answer to the last code, as long as it concerns whoever stands here."""
    answer = answers.last(connection, kiosk)
    if answer is None or at - answer.at > ANSWER_SHOWN_S_MAX * 1_000_000:
        return None
    return None if visits.ended_since(connection, kiosk, answer.at) else answer


def _digest(*parts: object) -> str:
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=8).hexdigest()
