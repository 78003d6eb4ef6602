"""A whole number as a stack of digits, each of its own radix: the coder under `wire/dense.py`.

A digit of radix r takes log2(r) bits, fractions of bits included, so that nothing is wasted between
fields. A weighted digit (a symbol of a Table) takes fewer bits the greater its share is; that is
range coding by asymmetric numeral systems (Duda, arXiv:1311.2540), which needs no renormalising
where whole numbers have no limit.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from wire.errors import DecodeError


class Table:
    """Symbols 0, 1, 2… and their shares of the whole; frozen with the format that uses it."""

    def __init__(self, shares: Sequence[int]) -> None:
        self.total = sum(shares)
        starts = tuple(accumulate(shares, initial=0))[:-1]
        self.digits = tuple(
            (start, share, self.total) for start, share in zip(starts, shares, strict=True)
        )
        # For each remainder: the symbol that it belongs to, its share, and the place within it.
        self.places = tuple(
            (symbol, share, place) for symbol, share in enumerate(shares) for place in range(share)
        )


class Writer:
    """Collects digits, the first to be read first."""

    def __init__(self) -> None:
        self._digits: list[tuple[int, int, int]] = []

    def put(self, value: int, radix: int) -> None:
        """Add a digit: 0 <= value < radix."""
        self._digits.append((value, 1, radix))

    def choose(self, table: Table, symbol: int) -> None:
        """Add a symbol of a table."""
        self._digits.append(table.digits[symbol])

    def spell(self, table: Table, symbols: Iterable[int]) -> None:
        """Add several symbols of a table."""
        digits = table.digits
        self._digits += [digits[symbol] for symbol in symbols]

    def finish(self) -> bytes:
        """Return the number that all digits make."""
        number = 0
        for start, share, total in reversed(self._digits):
            if share == 1:
                number = number * total + start
            else:
                quotient, rest = divmod(number, share)
                number = quotient * total + start + rest
        return number.to_bytes((number.bit_length() + 7) // 8, "big")


class Reader:
    """Takes digits off again, in the order in which they were put."""

    def __init__(self, packed: bytes) -> None:
        self._number = int.from_bytes(packed, "big")

    def take(self, radix: int) -> int:
        """Return the next digit."""
        self._number, value = divmod(self._number, radix)
        return value

    def chosen(self, table: Table) -> int:
        """Return the next symbol of a table."""
        quotient, rest = divmod(self._number, table.total)
        symbol, share, place = table.places[rest]
        self._number = quotient * share + place
        return symbol

    def spelt(self, table: Table, end: int, symbols_max: int) -> list[int]:
        """Return the symbols before the next `end`.

        Raises DecodeError when more than `symbols_max` come before it.
        """
        number, total, places = self._number, table.total, table.places
        symbols: list[int] = []
        while True:
            quotient, rest = divmod(number, total)
            symbol, share, place = places[rest]
            number = quotient * share + place
            if symbol == end:
                self._number = number
                return symbols
            if len(symbols) == symbols_max:
                raise DecodeError("a name in the packed row has no end")
            symbols.append(symbol)

    @property
    def at_end(self) -> bool:
        """Tell whether nothing is left."""
        return self._number == 0
