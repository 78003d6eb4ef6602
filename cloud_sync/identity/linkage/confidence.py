"""How sure it is that records are of one person, and what may be shown on the strength of it."""

from collections.abc import Iterable
from enum import StrEnum

from wire.identifiers import TYPED_KINDS, Identifier


class Confidence(StrEnum):
    """How sure a link is; the expected precision of each level is that of its own links alone."""

    EXACT = "exact"
    STRICT = "strict"
    LOOSE = "loose"


# A link is of the highest level whose chance it reaches. The chance of a link is the share of such
# links that is expected to be right, so that nothing has to be labelled. What is loose has passed
# the threshold of its batch.
CHANCES_MIN = {Confidence.EXACT: 0.995, Confidence.STRICT: 0.95}
# And a link is exact only where no other person is this likely.
RUNNER_UP_MAX = 0.005


def confidence_of(chance: float, *, runner_up: float = 0.0) -> Confidence:
    """Return the level of a link of a chance, beside the chance of the next likely person."""
    if chance >= CHANCES_MIN[Confidence.EXACT] and runner_up <= RUNNER_UP_MAX:
        return Confidence.EXACT
    return Confidence.STRICT if chance >= CHANCES_MIN[Confidence.STRICT] else Confidence.LOOSE


def confidence_in(identifiers: Iterable[Identifier]) -> Confidence | None:
    """Return how sure it is who somebody is: exact where they are known by more than typing.

    What people decided and what is exact alone joins shoppers, so that it depends on nothing else.
    """
    proven = any(each.kind not in TYPED_KINDS for each in identifiers)
    return Confidence.EXACT if proven else None


def allows_personal_offers(confidence: Confidence | None) -> bool:
    """Tell whether what is one person's own may be shown: an offer, a coupon, a purchase."""
    return confidence is Confidence.EXACT


def needs_review(confidence: Confidence | None) -> bool:
    """Tell whether somebody is to look at a link before it counts."""
    return confidence in (Confidence.STRICT, Confidence.LOOSE)
