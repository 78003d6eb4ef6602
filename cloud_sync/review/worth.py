"""What a right join is worth: the money that two shoppers are known by, the fresher the more.

A wrong or missed join costs most where people still buy. So each side counts with what was paid and
kept, halved for each HALF_LIFE_DAYS since it was last seen, and both together with the chance that
they are one: what people get to look at first is where an hour of theirs brings most.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.profiles.profile import Profile

HALF_LIFE_DAYS = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one of two shoppers brings: money kept, and how many days ago they were last seen."""

    kept_cents: int
    days_since: int | None

    @property
    def counts_cents(self) -> float:
        """Return what of the money counts still."""
        if self.days_since is None:
            return 0.0
        return float(self.kept_cents * 0.5 ** (self.days_since / HALF_LIFE_DAYS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a join is worth, in cents, with how that came about."""

    cents: int
    currency: str
    chance: float
    sides: tuple[Side, ...]

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return asdict(self) | {"half_life_days": HALF_LIFE_DAYS}


def worth_of(profiles: Sequence[Profile], chance: float, now: int) -> Worth:
    """Return what joining shoppers is worth at `now` (µs UTC).

    Money of different currencies is never added: it is in the one that most was paid in.
    """
    paid: dict[str, int] = {}
    for each in profiles:
        for currency, money in each.money.items():
            paid[currency] = paid.get(currency, 0) + money.paid_cents - money.refunded_cents
    currency = max(paid, key=lambda each: (paid[each], each), default="")
    sides = tuple(_side(each, currency, now) for each in profiles)
    cents = round(chance * sum(each.counts_cents for each in sides))
    return Worth(cents=cents, currency=currency, chance=chance, sides=sides)


def _side(profile: Profile, currency: str, now: int) -> Side:
    money = profile.money.get(currency)
    last = max((day for day, _ in profile.acts), default=None)
    return Side(
        kept_cents=max(0, money.paid_cents - money.refunded_cents) if money else 0,
        days_since=None if last is None else max(0, now // DAY_US - last),
    )
