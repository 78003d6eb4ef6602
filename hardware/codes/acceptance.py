"""Decides whether a number that was read may be acted upon, held against known numbers: pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

# accepted: it is known, and certain. refused: it is certain, and not known. uncertain: nobody can
# say; whoever shows it is asked to show it again, and nothing else happens.
Verdict = Literal["accepted", "refused", "uncertain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A number as its catalogue writes it, and whether its reader is sure of it."""

    number: str
    sure: bool


def judge(
    candidate: Candidate, rivals: Sequence[Candidate], is_known: Callable[[str], bool]
) -> Verdict:
    """Judge a number; `rivals` are what else was read at its place.

    A known number does not outweigh a doubt: in a full catalogue a misread number is often
    somebody else's product.
    """
    if not candidate.sure or any(rival.number != candidate.number for rival in rivals):
        return "uncertain"
    return "accepted" if is_known(candidate.number) else "refused"
