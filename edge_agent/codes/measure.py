"""How much of the goods a pack is, where its code says so, and what it costs then."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# Amounts in these are whole: their smallest unit is the unit. The screens have the same list.
CURRENCIES_WITHOUT_CENTS = frozenset({"JPY", "KRW", "VND"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How much a pack is.

    A price stands in units of the currency (`price`) or in its smallest unit (`price_cents`). An
    empty `currency` is that of the store. One without any figure says that it is not known.
    """

    price: Decimal | None = None
    price_cents: int | None = None
    currency: str = ""
    weight_g: int | None = None
    pieces: int | None = None

    def amount_cents(self, price_cents: int, currency: str) -> int:
        """Return what the pack costs; 0 where its code does not say, or cannot be right.

        `price_cents` is the catalogue's: of a kilogram where the code says a weight, of a piece
        where it says a number. A price in the code goes before both.
        """
        if self.price_cents is not None:
            amount = Decimal(self.price_cents)
        elif self.price is not None:
            amount = self.price * (1 if currency in CURRENCIES_WITHOUT_CENTS else 100)
        elif self.weight_g is not None:
            amount = Decimal(price_cents * self.weight_g) / 1000
        else:
            amount = Decimal(price_cents * (self.pieces or 0))
        return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
