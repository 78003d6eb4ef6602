"""What a kiosk answers to the last code held to its reader."""

from dataclasses import dataclass

from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Writing

# Every kind of answer and the key of the sentence that the screen shows for it.
ANSWER_KINDS: dict[str, str] = {
    "welcome": "answer.welcome",
    "product": "answer.product",
    "product_not_here": "answer.product_not_here",
    "coupon": "answer.coupon",
    "coupon_unknown": "answer.coupon_unknown",
    "coupon_used": "answer.coupon_used",
    "coupon_refused": "answer.coupon_refused",
    "member_first": "answer.member_first",
    "page": "answer.page",
    "store": "answer.store",
    "store_other": "answer.store_other",
    "added_to_basket": "answer.added_to_basket",
    "basket_full": "answer.basket_full",
    "other_currency": "answer.other_currency",
    "paid": "answer.paid",
    "basket_empty": "answer.basket_empty",
    "already_scanned": "answer.already_scanned",
    "wrong_kind": "answer.wrong_kind",
    "unknown_code": "answer.unknown_code",
    "empty_code": "answer.empty_code",
    "too_long": "answer.too_long",
    "uncertain": "answer.uncertain",
    "unreadable_image": "answer.unreadable_image",
    "device": "answer.device",
    "not_charged": "answer.not_charged",
    "unsigned": "answer.unsigned",
    "wrong_signature": "answer.wrong_signature",
    "token_expired": "answer.token_expired",
    "token_early": "answer.token_early",
    "token_used": "answer.token_used",
    "tokens_full": "answer.tokens_full",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to say: its kind, the text key of its sentence, and what it is about.

    Holds nothing of a code that was not recognised: only the sealed event keeps that.
    """

    kind: str
    at: int
    product: str = ""
    coupon: str = ""
    page: str = ""

    @property
    def text_key(self) -> str:
        """Return the key of the sentence in the screens' language files."""
        return ANSWER_KINDS[self.kind]


def last(connection: sqlite3.Connection, kiosk: str) -> Answer | None:
    """Return the answer to the last code held to a kiosk's reader."""
    row = connection.execute(
        "SELECT kind, at, product, coupon, page FROM answers WHERE kiosk = ?", (kiosk,)
    ).fetchone()
    if row is None or row[0] not in ANSWER_KINDS:
        return None
    kind, at, product, coupon, page = row
    return Answer(kind=kind, at=at, product=product, coupon=coupon, page=page)


def put(writing: Writing, kiosk: str, answer: Answer) -> None:
    """Give an answer at a kiosk, in place of the one before."""
    writing.execute(
        "INSERT OR REPLACE INTO answers (kiosk, kind, at, product, coupon, page)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (kiosk, answer.kind, answer.at, answer.product, answer.coupon, answer.page),
    )
