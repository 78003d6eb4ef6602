"""The funnel stage of a shopper, by a table of rules: the highest stage that holds wins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cloud_sync.shoppers.facts import DAY_US
from cloud_sync.shoppers.profile import Profile
from wire.views import Because

Stage = Literal["awareness", "interest", "purchase", "loyalty"]
STAGES: tuple[Stage, ...] = ("awareness", "interest", "purchase", "loyalty")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRule:
    """A shopper who did `act` `times` times, to `amount` together, within `days` is at `stage`.

    The amount is ms for dwelled and cents for bought; days are whole days UTC, today included.
    """

    stage: Stage
    act: str
    times: int = 1
    amount: int = 0
    days: int = 365


STAGE_RULES: tuple[StageRule, ...] = (
    StageRule(stage="loyalty", act="bought", times=2),
    StageRule(stage="purchase", act="bought"),
    StageRule(stage="interest", act="carried", days=30),
    StageRule(stage="interest", act="saved", days=90),
    StageRule(stage="interest", act="followed"),
    StageRule(stage="interest", act="tried", days=90),
    StageRule(stage="interest", act="scanned", days=90),
    StageRule(stage="interest", act="dwelled", amount=20_000, days=90),
    StageRule(stage="interest", act="viewed", times=2, days=30),
    StageRule(stage="interest", act="searched", days=30),
    StageRule(stage="interest", act="claimed", days=90),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A stage with its evidence: one Because for each rule of that stage that holds."""

    stage: Stage
    because: tuple[Because, ...]


def stage_of(profile: Profile, now: int, rules: Sequence[StageRule] = STAGE_RULES) -> Staged:
    """Return the highest stage whose rules hold at `now` (µs UTC), with all its evidence.

    Whoever is known at all is at awareness; the reason of its Because is then `seen`.
    """
    for stage in reversed(STAGES):
        evidence = [_evidence(profile, rule, now) for rule in rules if rule.stage == stage]
        because = tuple(each for each in evidence if each is not None)
        if because:
            return Staged(stage=stage, because=because)
    seen_at = max((act.last_at for act in profile.acts.values()), default=0)
    return Staged(stage="awareness", because=(Because(reason="seen", at=seen_at),))


def _evidence(profile: Profile, rule: StageRule, now: int) -> Because | None:
    first_day = now // DAY_US - rule.days + 1
    acts = [
        facts for (day, act), facts in profile.acts.items() if act == rule.act and day >= first_day
    ]
    times = sum(facts.times for facts in acts)
    if times < rule.times or sum(facts.amount for facts in acts) < rule.amount:
        return None
    return Because(reason=rule.act, count=times, at=max(facts.last_at for facts in acts))
