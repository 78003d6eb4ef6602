"""What a till's screen shows at a moment; nothing of it says who stands there."""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from edge_agent.till import till
from edge_agent.visits.answers import Answer
from edge_agent.visits.basket import Basket
from kiosk_ui.store import Store

# How long the answer to the last code stands; the thanks stand longer, unless the next one scans.
ANSWER_SHOWN_S_MAX = 20
THANKS_SHOWN_S_MAX = 60
# The answers that say that all went well.
GOOD_ANSWERS = frozenset({"welcome", "added_to_basket", "coupon", "paid"})
# Those that refuse nothing: there is only something to do again, or not.
MILD_ANSWERS = frozenset({"already_scanned", "uncertain"})

State = Literal["idle", "basket", "paid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TillScreen:
    """A till's basket, and the answer to its last code while that is new."""

    basket: Basket

    @property
    def answer(self) -> Answer | None:
        """Return what the till says to the last code."""
        return self.basket.answer

    @property
    def state(self) -> State:
        """Return which of its faces the screen shows."""
        if self.basket.lines:
            return "basket"
        return "paid" if self.answer is not None and self.answer.kind == "paid" else "idle"

    @property
    def is_good(self) -> bool:
        """Tell whether the last answer says that all went well."""
        return self.answer is not None and self.answer.kind in GOOD_ANSWERS

    @property
    def is_mild(self) -> bool:
        """Tell whether the last answer neither did nor refused anything."""
        return self.answer is not None and self.answer.kind in MILD_ANSWERS

    @property
    def mark(self) -> str:
        """Return what changes whenever the screen must."""
        return hashlib.blake2b(msgspec.msgpack.encode(self.basket), digest_size=8).hexdigest()


def look(store: Store, name: str) -> TillScreen:
    """Read from the database what a till's screen shows now."""
    basket = till.basket(store.database.reader(), name)
    answer, at = basket.answer, store.clock.now().at
    if answer is not None:
        shown_s = THANKS_SHOWN_S_MAX if answer.kind == "paid" else ANSWER_SHOWN_S_MAX
        if at - answer.at > shown_s * 1_000_000:
            basket = replace(basket, answer=None)
    return TillScreen(basket=basket)
