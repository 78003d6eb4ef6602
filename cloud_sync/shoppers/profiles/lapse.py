"""How likely a shopper is to come again, from when they bought: the MBG/NBD model.

Somebody buys at random at their own pace, and after each purchase, the first included, is lost
with a chance of their own. From how often, how lately and since when they bought follows how
likely they still are a shopper.

Source: Batislam, Denizel and Filiztekin, "Empirical validation and comparison of models for
customer base analysis", IJRM 24 (2007), with the erratum of Wagner and Hoppe, IJRM 25 (2008).
"""

import math
from dataclasses import dataclass

WEEK_DAYS = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The model's parameters, in weeks: r and alpha of the pace, a and b of the loss.

    Those given are fitted to the CDNOW data set, the example of the literature; a tenant's own
    differ, so that the risk orders shoppers better than it foretells a share of them.
    """

    r: float = 0.525
    alpha: float = 6.183
    a: float = 0.891
    b: float = 1.614


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """When somebody bought: how often after the first time, and how many days lie between.

    `last_days` lie between the first and the last purchase, `now_days` between the first and now.
    """

    repeats: int
    last_days: float
    now_days: float


CDNOW = Pace()


def alive(bought: Bought, pace: Pace = CDNOW) -> float:
    """Return how likely it is that somebody will buy again some day, from 0 to 1."""
    now, last = bought.now_days / WEEK_DAYS, bought.last_days / WEEK_DAYS
    x = bought.repeats
    # In logarithms: somebody who bought a thousand times and then no more is past all floats.
    odds = math.log(pace.a / (pace.b + x)) + (pace.r + x) * (
        math.log(pace.alpha + now) - math.log(pace.alpha + last)
    )
    return 1 / (1 + math.exp(odds)) if odds < 700 else 0.0


def expected_orders(bought: Bought, days: float, pace: Pace = CDNOW) -> float:
    """Return how many orders are to be expected within `days`.

    The pace and the loss are taken at their means, which is simpler than the model and a little
    lower.
    """
    rate = (pace.r + bought.repeats) / (pace.alpha + bought.now_days / WEEK_DAYS)
    loss = pace.a / (pace.a + pace.b + bought.repeats)
    return alive(bought, pace) * (1 - math.exp(-loss * rate * days / WEEK_DAYS)) / loss
