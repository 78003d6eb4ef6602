"""Why two records are taken for one person, or not: what each comparison adds to the odds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from cloud_sync.identity.linkage.model import WEIGHT_BITS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one comparison found, and how much it says for one person (against, where negative)."""

    comparison: str
    level: int
    found: str
    bits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """The way from what is expected of any two records to the chance that these are one person.

    Bits are binary logarithms of odds: each halves or doubles them. `bits` is the prior and all
    steps together, held within ±40.
    """

    one: str
    other: str
    prior_bits: float
    steps: Sequence[Step]
    bits: float
    chance: float

    def as_json(self) -> dict[str, object]:
        """Return the waterfall as plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the waterfall as text to read, the sum after each step at the right."""
        total = self.prior_bits
        width = max(len(each.comparison) for each in self.steps)
        rows = [("any two records", "", self.prior_bits, total)]
        for step in self.steps:
            total += step.bits
            rows.append((step.comparison.ljust(width), step.found, step.bits, total))
        text = [f"{name} {found}".strip() for name, found, _, _ in rows]
        widest = max(map(len, text))
        said = [
            f"{each.ljust(widest)}  {bits:+7.2f}  {sum_of:+7.2f}"
            for each, (_, _, bits, sum_of) in zip(text, rows, strict=True)
        ]
        limit = f" (held at ±{WEIGHT_BITS_MAX:g})" if abs(total) > WEIGHT_BITS_MAX else ""
        return [*said, f"odds of 2^{self.bits:.2f}{limit}: a chance of {self.chance:.6f}"]
