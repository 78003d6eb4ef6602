"""Funnel stages: the highest rule that holds, with its evidence."""

import pytest

from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.profiles.profile import ActFacts, Profile
from cloud_sync.shoppers.profiles.stage import stage_of
from cloud_sync.shoppers.profiles.stage_rules import STAGE_RULES, STAGES, StageRule
from tests.shopper_builders import DAY, NOW
from wire.views import Because


def did(**times: int) -> Profile:
    """Build a profile of somebody who did things so many times today."""
    return Profile(
        acts={
            (NOW // DAY_US, act): ActFacts(times=count, amount=0, last_at=NOW, first_at=NOW)
            for act, count in times.items()
        }
    )


def at_limit(rule: StageRule, *, days_ago: int = 0, times: int = 0, amount: int = 0) -> Profile:
    """Build a profile that just meets a rule, moved by the arguments."""
    at = NOW - days_ago * DAY
    facts = ActFacts(times=rule.times + times, amount=rule.amount + amount, last_at=at, first_at=at)
    return Profile(acts={(at // DAY_US, rule.act): facts})


rules = pytest.mark.parametrize("rule", STAGE_RULES, ids=lambda rule: f"{rule.stage}-{rule.act}")


@rules
def test_a_rule_holds_at_its_limit_and_names_its_evidence(rule: StageRule):
    staged = stage_of(at_limit(rule), NOW)
    assert staged.stage == rule.stage
    assert Because(reason=rule.act, count=rule.times, at=NOW) in staged.because


@rules
def test_a_rule_does_not_hold_below_its_count(rule: StageRule):
    staged = stage_of(at_limit(rule, times=-1), NOW, [rule])
    assert staged.stage == "awareness"


@rules
def test_a_rule_holds_on_the_last_day_of_its_window_and_not_after(rule: StageRule):
    assert stage_of(at_limit(rule, days_ago=rule.days - 1), NOW, [rule]).stage == rule.stage
    assert stage_of(at_limit(rule, days_ago=rule.days), NOW, [rule]).stage == "awareness"


def test_standing_before_a_shelf_for_a_moment_is_no_interest():
    rule = next(each for each in STAGE_RULES if each.amount)
    assert stage_of(at_limit(rule, amount=-1), NOW).stage == "awareness"


def test_the_highest_stage_wins_whatever_else_was_done():
    assert stage_of(did(viewed=9, saved=3, bought=2, arrived=1), NOW).stage == "loyalty"
    assert stage_of(did(viewed=9, saved=3, bought=1, arrived=1), NOW).stage == "purchase"
    assert stage_of(did(viewed=9, saved=3, arrived=1), NOW).stage == "interest"


def test_all_evidence_of_the_stage_is_listed():
    because = stage_of(did(viewed=9, saved=3, searched=1), NOW).because
    assert {each.reason: each.count for each in because} == {"saved": 3, "viewed": 9, "searched": 1}


def test_counts_of_several_days_add_up():
    acts = {
        ((NOW - days * DAY) // DAY_US, "bought"): ActFacts(1, 100, NOW - days * DAY, 0)
        for days in (0, 100)
    }
    staged = stage_of(Profile(acts=acts), NOW)
    assert (staged.stage, staged.because[0]) == (
        "loyalty",
        Because(reason="bought", count=2, at=NOW),
    )


def test_whoever_is_only_seen_is_at_awareness():
    assert stage_of(did(arrived=5), NOW).because == (Because(reason="seen", at=NOW),)
    assert stage_of(Profile(), NOW).stage == "awareness"


def test_every_rule_names_a_stage_above_awareness():
    assert {rule.stage for rule in STAGE_RULES} == set(STAGES) - {"awareness"}
