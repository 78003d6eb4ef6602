"""The chance of a schedule: the same seed, the same throws."""

from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import SupportsLenAndGetItem

T = TypeVar("T")


class Dice(Random):
    """A Random whose `randint` costs a quarter: a schedule throws eight hundred times."""

    def choice(self, seq: "SupportsLenAndGetItem[T]") -> T:
        """Return one of several things, all as likely: what Random returns, for half the cost."""
        count = len(seq)
        bits = count.bit_length()
        at = self.getrandbits(bits)
        while at >= count:
            at = self.getrandbits(bits)
        return seq[at]

    def randint(self, a: int, b: int) -> int:
        """Return a number from a to b, as likely as any other to within one in 2**53 / (b - a)."""
        return a + int(self.random() * (b - a + 1))
