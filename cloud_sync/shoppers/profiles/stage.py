"""The funnel stage of a shopper, by a table of rules: the highest stage that holds wins."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.profiles.profile import Profile
from cloud_sync.shoppers.profiles.stage_rules import STAGES, Stage, StageRule
from wire.views import Because


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A stage with its evidence: one Because for each rule of that stage that holds."""

    stage: Stage
    because: tuple[Because, ...]


def stage_of(profile: Profile, now: int, rules: Sequence[StageRule] | None = None) -> Staged:
    """Return the highest stage whose rules hold at `now` (µs UTC), with all its evidence.

    The rules are those of the shopper's tenant, unless others are given to be tried. Whoever is
    known at all is at awareness; the reason of its Because is then `seen`.
    """
    held = profile.stage_rules if rules is None else rules
    for stage in reversed(STAGES):
        evidence = [_evidence(profile, rule, now) for rule in held if rule.stage == stage]
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
    if not acts or times < rule.times or sum(facts.amount for facts in acts) < rule.amount:
        return None
    return Because(reason=rule.act, count=times, at=max(facts.last_at for facts in acts))
