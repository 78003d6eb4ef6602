"""Everything that is read on a screen stands out by 7 to 1 (WCAG 2.2, 1.4.6, level AAA)."""

import re
from pathlib import Path

import pytest

LOOKS = Path(__file__).parent.parent / "looks" / "static"
NAMED = dict(
    re.findall(r"--([\w-]+): (#[0-9a-f]{6});", (LOOKS / "base.css").read_text(encoding="utf-8"))
)
CONTRAST_MIN = 7.0
EDGE_CONTRAST_MIN = 3.0

# What is written in which colour on what ground.
WRITTEN = [
    *[(text, ground) for text in ("ink", "ink-2") for ground in ("paper", "paper-2", "paper-3")],
    *[("jade", ground) for ground in ("paper", "paper-2", "green-2")],
    ("cinnabar", "paper-2"),
    ("cinnabar", "paper"),
    ("amber", "amber-2"),
    ("#ffffff", "jade"),
    ("#ffffff", "cinnabar"),
    ("#ffffff", "ink"),
    ("#ffffff", "#175247"),
    ("gold-2", "#175247"),
    ("#dfe9e2", "#175247"),
    ("#3d2900", "amber-2"),
    ("#5c1710", "cinnabar-2"),
    ("#7d1f14", "cinnabar-2"),
]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(NAMED.get(each, each)) for each in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("text", "ground"), WRITTEN)
def test_what_is_written_can_be_read(text: str, ground: str):
    assert contrast(text, ground) >= CONTRAST_MIN


@pytest.mark.parametrize("ground", ["paper", "paper-2", "#ffffff"])
def test_edges_of_controls_and_the_focus_can_be_seen(ground: str):
    assert contrast("edge", ground) >= EDGE_CONTRAST_MIN
    assert contrast("#1259c3", ground) >= EDGE_CONTRAST_MIN
