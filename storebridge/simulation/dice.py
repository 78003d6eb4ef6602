"""The chance of a schedule: the same seed, the same throws."""

from random import Random


class Dice(Random):
    """A Random whose `randint` costs a quarter: a schedule throws eight hundred times."""

    def randint(self, a: int, b: int) -> int:
        """Return a number from a to b, as likely as any other to within one in 2**53 / (b - a)."""
        return a + int(self.random() * (b - a + 1))
