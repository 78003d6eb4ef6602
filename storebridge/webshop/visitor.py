"""Who is looking at the shop: a cookie, a member's card once shown, a basket."""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask.sessions import SessionMixin

PIECES_MAX = 9
ORDER = re.compile(r"w-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """One browser: its cookie id, the member who signed in (or ""), the pieces in the basket."""

    web: str
    member: str = ""
    basket: Mapping[str, int]

    @property
    def identifiers(self) -> list[dict[str, str]]:
        """Return how the cloud may recognise them; both together are what links them."""
        named = [{"kind": "web", "value": self.web}]
        if self.member:
            named.append({"kind": "member", "value": self.member})
        return named

    def event(
        self, kind: str, body: Mapping[str, object], *, brand: str = "", event_id: str = ""
    ) -> dict[str, object]:
        """Return an event of theirs as the API takes it; when it is resent its id stays."""
        event: dict[str, object] = {
            "event_id": event_id or secrets.token_hex(12),
            "kind": kind,
            "occurred_at": time.time_ns() // 1000,
            "identifiers": self.identifiers,
            "body": body,
        }
        return {**event, "brand": brand} if brand else event

    def signed_in(self, member: str) -> "Visitor":
        """Return them as this member; another one who was signed in leaves the browser.

        The cookie then is a new one, too: two people who share a browser are not one shopper.
        """
        if self.member and self.member != member:
            return Visitor(web=new_cookie(), member=member, basket={})
        return replace(self, member=member)

    def signed_out(self) -> "Visitor":
        """Return a stranger."""
        return Visitor(web=new_cookie(), basket={}) if self.member else self

    def with_pieces(self, product: str, pieces: int) -> "Visitor":
        """Return them with so many pieces of a product in the basket."""
        basket = {**self.basket, product: min(max(pieces, 0), PIECES_MAX)}
        return replace(self, basket={each: count for each, count in basket.items() if count})


def read_visitor(cookie: SessionMixin) -> Visitor:
    """Return the visitor whom a signed cookie names, a new one when it names none."""
    web, basket = cookie.get("web"), cookie.get("basket")
    if not isinstance(web, str) or not isinstance(basket, dict):
        return Visitor(web=new_cookie(), basket={})
    return Visitor(web=web, member=str(cookie.get("member", "")), basket=basket)


def write_visitor(cookie: SessionMixin, visitor: Visitor) -> None:
    """Write the visitor into the signed cookie."""
    cookie.update(web=visitor.web, member=visitor.member, basket=dict(visitor.basket))


def new_cookie() -> str:
    """Return a random cookie id."""
    return secrets.token_hex(8)


def new_order() -> str:
    """Return a new order number; the form that carries it may be sent twice."""
    return f"w-{secrets.token_hex(6)}"
