"""The membership cards of the sample shop: each has a motif, so that people can tell them apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOTIFS: tuple[Mapping[str, str], ...] = (
    {"zh": "青竹", "en": "Bamboo"},
    {"zh": "山茶", "en": "Camellia"},
    {"zh": "白鹭", "en": "Egret"},
    {"zh": "银杏", "en": "Ginkgo"},
    {"zh": "晨露", "en": "Dew"},
    {"zh": "松月", "en": "Pine"},
    {"zh": "云雀", "en": "Skylark"},
    {"zh": "芦苇", "en": "Reed"},
)
CARDS_MAX = len(MOTIFS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One member's card: the code on it, its motif, and the number of its colouring."""

    member: str
    motif: Mapping[str, str]
    colouring: int


def cards_of(members: Sequence[str]) -> dict[str, Card]:
    """Return the cards of the first CARDS_MAX members, by membership code."""
    return {
        member: Card(member=member, motif=motif, colouring=number)
        for number, (member, motif) in enumerate(zip(members, MOTIFS, strict=False))
    }
