"""The membership cards of the sample shop: each has a motif, so that people can tell them apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOTIFS: tuple[Mapping[str, str], ...] = (
    {"zh": "青松", "en": "Pine"},
    {"zh": "梅影", "en": "Plum"},
    {"zh": "白鹭", "en": "Egret"},
    {"zh": "山月", "en": "Moon"},
    {"zh": "晨露", "en": "Dew"},
    {"zh": "清莲", "en": "Lotus"},
    {"zh": "云雀", "en": "Lark"},
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
