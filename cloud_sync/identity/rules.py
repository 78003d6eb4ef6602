"""The ladder of rules: which identifiers are refused, which forbid a join, how many one may have.

A rule is data: to change what is joined, change a line of LADDER or JUNK.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

VALUE_CHARACTERS_MAX = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRule:
    """What holds for identifiers of one kind.

    rank: the smaller, the stronger; links of stronger kinds are decided first, and where an
        event's identifiers belong to several shoppers the strongest one says whose it is.
    forbids: two different values never belong to one shopper.
    trusted: seen with two phones it is still one person's; of others that would make it shared.
    own_max: so many values a shopper may have; the next one stays by itself.
    exclusive: most people have one value at a time, so something that is seen with two of them is
        likelier shared than theirs. None: found from the events themselves.
    seen_with_max: an identifier that is seen with more values of this kind than this is a thing
        that many people use, whatever else is known of it.
    seen_with_a_day_max: the same within 24 hours.
    fold_case: a value is the same in capitals and in small letters; for tokens and cookies it is
        not. Addresses of e-mail are, under whatever kind.
    """

    rank: int
    forbids: bool = False
    trusted: bool = False
    own_max: int = 20
    exclusive: bool | None = None
    seen_with_max: int = 30
    seen_with_a_day_max: int = 15
    fold_case: bool = False


LADDER: Mapping[str, KindRule] = {
    "member": KindRule(
        rank=1,
        forbids=True,
        trusted=True,
        own_max=1,
        exclusive=True,
        seen_with_max=8,
        seen_with_a_day_max=6,
        fold_case=True,
    ),
    "phone": KindRule(rank=3, own_max=4, seen_with_max=12, seen_with_a_day_max=6),
    "email": KindRule(rank=4, own_max=6, seen_with_max=15, seen_with_a_day_max=8, fold_case=True),
    "app": KindRule(rank=5, own_max=20, exclusive=False),
    "web": KindRule(rank=6, own_max=60, exclusive=False, seen_with_max=60, seen_with_a_day_max=20),
}
# A kind that is in no table: the first where people turn out to have one value each.
EXCLUSIVE_RULE = KindRule(rank=2, trusted=True, own_max=4, exclusive=True, seen_with_max=12)
DEFAULT_RULE = KindRule(rank=7)

# Values that nobody has: what programs and people write where they know nothing, and what testers
# use. Matched whole, in lower case.
JUNK: Mapping[str, str] = {
    "zeros": r"[0\W_]*",
    "a repeated character": r"(\w)\1{3,}|\+?\d{0,3}(\d)\2{6,}",
    "counting up or down": r"\+?(0?123456(7(8(90?)?)?)?|9?87654321?0?)",
    "a placeholder": r"n/?a|nan|nil|null|none|undefined|unknown|anonymous|anon|guest|empty"
    r"|default|placeholder|not[ _-]?(set|provided|available|known)|no[ _-]?(name|email|phone|id)"
    r"|deleted|removed|redacted|invalid|missing|blank|tbd|true|false|-?1|x+|\[object object\]"
    r"|no-?reply@.*",
    "a test id": r"(test|dummy|demo|sample|example|fake|foo|bar|asdf|qwerty)([ _.-]?"
    r"(user|id|member|customer|account|phone|email|cookie|device))?[ _-]?\d{0,3}(@.*)?",
    "a code of no device": r"0{8}-0{4}-0{4}-0{4}-0{12}|f{8}-f{4}-f{4}-f{4}-f{12}|02:00:00:00:00:00",
}
_JUNK = {reason: re.compile(pattern) for reason, pattern in JUNK.items()}


def junk_reason(value: str) -> str | None:
    """Return why a value is nobody's, or None where it may be somebody's."""
    plain = " ".join(value.lower().split())
    if not plain:
        return "no value"
    if len(plain) > VALUE_CHARACTERS_MAX:
        return "too long"
    return next((reason for reason, junk in _JUNK.items() if junk.fullmatch(plain)), None)
