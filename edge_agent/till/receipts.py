"""The receipt that a till prints: its goods, what coupons took off, and what was paid.

It has no words of its own, so that it needs no language beside those of the goods.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from edge_agent.visits.basket import Basket

# A printer takes 4 KB at once; what is beyond these lines stands on it as one sum.
LINES_MAX = 30
NAME_CHARACTERS_MAX = 24
WIDTH = 40


def receipt(
    basket: Basket, order: str, at: int, *, time_zone: str, languages: Sequence[str]
) -> str:
    """Write the receipt of a paid basket; `at` is when it was paid (µs UTC)."""
    paid = datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(ZoneInfo(time_zone))
    shown, more = basket.lines[:LINES_MAX], basket.lines[LINES_MAX:]
    lines = [
        _line(f"{each.quantity} x {_named(each.name, each.product, languages)}", each.amount_cents)
        for each in shown
    ]
    if more:
        lines.append(_line(f"+ {len(more)} x ...", sum(each.amount_cents for each in more)))
    lines += [
        _line(f"- {_named(each.title, each.offer, languages)}", -each.off_cents)
        for each in basket.discounts
        if each.off_cents
    ]
    total = _line(f"= {basket.currency}", basket.total_cents)
    return "\n".join([f"{paid:%Y-%m-%d %H:%M}", order, "", *lines, "-" * WIDTH, total])


def amount(cents: int) -> str:
    """Write an amount with two decimals."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"


def _line(text: str, cents: int) -> str:
    return f"{text:<{WIDTH - 12}}{amount(cents):>12}"


def _named(names: Mapping[str, str], otherwise: str, languages: Sequence[str]) -> str:
    known = (names[language] for language in languages if language in names)
    return next(known, next(iter(names.values()), otherwise))[:NAME_CHARACTERS_MAX]
