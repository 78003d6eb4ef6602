"""Who is looking at the shop: a cookie, a member's card once shown, a basket."""

import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from flask.sessions import SessionMixin

PIECES_MAX = 9
ORDER = re.compile(r"w-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """One browser: its cookie id, the member who signed in (or ""), the pieces in the basket.

    `order` is the number of the order under way, which stays until that one is paid.
    """

    web: str
    member: str = ""
    basket: Mapping[str, int] = field(default_factory=dict)
    order: str = field(default_factory=lambda: f"w-{secrets.token_hex(6)}")

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
            return replace(new_visitor(), member=member)
        return replace(self, member=member)

    def signed_out(self) -> "Visitor":
        """Return a stranger."""
        return new_visitor() if self.member else self

    def with_pieces(self, product: str, pieces: int) -> "Visitor":
        """Return them with so many pieces of a product in the basket."""
        basket = {**self.basket, product: min(max(pieces, 0), PIECES_MAX)}
        return replace(self, basket={each: count for each, count in basket.items() if count})

    def paid(self, products: Iterable[str]) -> "Visitor":
        """Return them without these products in the basket, at the beginning of another order."""
        gone = set(products)
        basket = {each: count for each, count in self.basket.items() if each not in gone}
        return Visitor(web=self.web, member=self.member, basket=basket)


def read_visitor(cookie: SessionMixin) -> Visitor:
    """Return the visitor whom a signed cookie names, a new one when it names none."""
    match cookie.get("visitor"):
        case {"web": str(web), "member": str(member), "basket": dict(basket), "order": str(order)}:
            return Visitor(web=web, member=member, basket=basket, order=order)
        case _:
            return new_visitor()


def write_visitor(cookie: SessionMixin, visitor: Visitor) -> None:
    """Write the visitor into the signed cookie.

    Only where it changes: of two answers at once the one that changes nothing may come last, and
    must not bring back what was before.
    """
    fields = asdict(visitor)
    if cookie.get("visitor") != fields:
        cookie["visitor"] = fields


def new_visitor() -> Visitor:
    """Return somebody with a random cookie id."""
    return Visitor(web=secrets.token_hex(8))
