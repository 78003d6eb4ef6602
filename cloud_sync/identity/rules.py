"""The ladder of rules: which identifiers are refused, which forbid a join, how many one may have.

A rule is data: to change what is joined, change a line of LADDER here or of JUNK in wire/junk.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass


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
    "record": KindRule(rank=8, own_max=60, exclusive=False, seen_with_max=60),
}
# A kind that is in no table: the first where people turn out to have one value each.
EXCLUSIVE_RULE = KindRule(rank=2, trusted=True, own_max=4, exclusive=True, seen_with_max=12)
DEFAULT_RULE = KindRule(rank=7)
