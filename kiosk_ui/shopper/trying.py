"""Which goods can be tried in a store, and how: worn, tried out, or tasted."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from kiosk_ui.pictures import choose_drawing

HowTried = Literal["worn", "used", "tasted"]

# By what a category is drawn as; of goods that are not here nobody is asked whether they tried.
HOW_TRIED: Mapping[str, HowTried] = MappingProxyType(
    {
        "apparel": "worn",
        "jacket": "worn",
        "shoes": "worn",
        "bag": "worn",
        "backpack": "worn",
        "jewellery": "worn",
        "skincare": "used",
        "makeup": "used",
        "fragrance": "used",
        "electronics": "used",
        "sport": "used",
        "tea": "tasted",
        "leaves": "tasted",
        "food": "tasted",
    }
)


def how_tried(category: str) -> HowTried | None:
    """Return how goods of a category are tried, None for those that are not."""
    return HOW_TRIED.get(choose_drawing(category))
