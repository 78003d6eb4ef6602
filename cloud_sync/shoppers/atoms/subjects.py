"""Where a deed was done and what it was about, as two short texts beside its day.

They say only what the event said itself. Which brand a product is of, which topics a piece of
content has, and what stood on a shelf are looked up when they are read, so that what is told late
counts all the same, and history folded anew gives the same rows.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from cloud_sync.intake.ledger import LedgerEvent
from wire.events import (
    BasketChanged,
    Body,
    Dwell,
    Event,
    Followed,
    Purchased,
    Returned,
    Saved,
    Scan,
    Searched,
    Tried,
    Viewed,
    Watched,
)

SUBJECT_CHARS_MAX = 64
# Longer queries are sentences, and one with so many digits may be somebody's number.
QUERY_CHARS_MAX = 32
QUERY_DIGITS_MAX = 4
# A channel's place begins with this, which no name of a store may hold.
CHANNEL = "@"
# The goods of a store are named again and again.
SUBJECTS_REMEMBERED_MAX = 20_000

_DIGIT = re.compile(r"\d")


def place_of(ledger: LedgerEvent) -> str:
    """Return the store where something was done, or `@` and the channel when in none."""
    return CHANNEL + ledger.source if ledger.store is None else ledger.store


def subject_of(event: Event) -> str:
    """Return what a deed was about, with its kind before it, empty when nothing in particular.

    `product:` with its number, and behind `|` its brand where that is said; `brand:`, `content:`,
    `name:` (of a brand, a series or a topic), `query:`, or `shelf:` with plan and zone. An order is
    about many things: its parts stand in a table of their own.
    """
    body = event.body
    find = _SUBJECTS.get(type(body))
    if find is None:
        return part_subject(event.brand, "")
    return find(event, body)


@lru_cache(maxsize=SUBJECTS_REMEMBERED_MAX)
def part_subject(brand: str, product: str) -> str:
    """Return the subject of goods: the product, with its brand where that is said, or the brand."""
    if not product:
        return _subject("brand", brand)
    subject = _subject("product", product)
    return f"{subject}|{_clean(brand)}" if brand else subject


def query_subject(query: str) -> str:
    """Return the subject of a search, empty where it may say more of a person than of goods."""
    folded = " ".join(query.casefold().split())
    if len(folded) > QUERY_CHARS_MAX or "@" in folded:
        return ""
    return "" if len(_DIGIT.findall(folded)) > QUERY_DIGITS_MAX else _subject("query", folded)


def _goods(event: Event, body: Any) -> str:
    return part_subject(event.brand, body.product)


def _viewed(event: Event, body: Viewed) -> str:
    if body.product:
        return part_subject(event.brand, body.product)
    if body.content:
        return _subject("content", body.content)
    return _subject("name", body.topic) or part_subject(event.brand, "")


def _stood(event: Event, body: Dwell) -> str:
    if 0 < body.plan < 2**31:
        return _subject("shelf", f"{body.plan}:{event.zone}")
    return part_subject(event.brand, "")


# By kind of event; any other is about the brand that it names.
_SUBJECTS: Mapping[type[Body], Callable[[Event, Any], str]] = {
    Viewed: _viewed,
    Scan: _goods,
    Tried: _goods,
    Saved: _goods,
    BasketChanged: _goods,
    Dwell: _stood,
    Watched: lambda _, body: _subject("content", body.content),
    Followed: lambda _, body: _subject("name", body.subject),
    Searched: lambda _, body: query_subject(body.query),
    Purchased: lambda _event, _body: "",
    Returned: lambda _event, _body: "",
}


def _subject(kind: str, name: str) -> str:
    clean = _clean(name)
    return f"{kind}:{clean}" if clean else ""


def _clean(name: str) -> str:
    return name.replace("\0", "")[:SUBJECT_CHARS_MAX]
