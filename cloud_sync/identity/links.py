"""The log that the identity graph is folded from: nothing in it is ever changed or taken out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Joined:
    """Evidence that two identifiers are of one shopper.

    `join` is the id of this evidence; the same one recorded twice counts once, the later. `weight`
    says how many events speak for it, `because` why it was believed, `source` who said so.
    """

    join: str
    at: int
    one: str
    other: str
    weight: int = 1
    because: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Undone:
    """A join that does not hold: the graph is as if it had never been recorded.

    The later of two words about a join counts; `undone` is False where it is to hold again.
    """

    join: str
    at: int
    undone: bool = True
    because: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Demoted:
    """An identifier that many people use joins nobody; restored where `demoted` is False.

    The later word about an identifier counts.
    """

    identifier: str
    at: int
    demoted: bool = True
    because: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Erased:
    """An identifier of somebody who wants to be forgotten: joins up to then are gone for good."""

    identifier: str
    at: int


# The source of what the ladder of rules decided by itself; it may change its mind, and never speaks
# about what a person has spoken about.
RULES = "rules"

LinkEvent = Joined | Undone | Demoted | Erased


def pair_id(one: str, other: str) -> str:
    """Return the id of all evidence that two identifiers are of one shopper."""
    return f"{min(one, other)}+{max(one, other)}"
