"""Every category has a picture that is well-formed, our own, and always the same."""

from xml.etree import ElementTree

import pytest

from kiosk_ui.pictures import (
    ALIASES,
    COLOURINGS,
    DRAWINGS,
    OTHERWISE,
    choose_colouring,
    choose_drawing,
    draw,
)


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_a_drawing_is_well_formed_and_refers_to_nothing(drawing: str):
    svg = draw(drawing, 3)
    ElementTree.fromstring(svg)
    assert "href" not in svg
    assert "{" not in svg


def test_every_alias_names_a_drawing():
    assert {drawing for _, drawing in ALIASES} <= DRAWINGS.keys()


@pytest.mark.parametrize(
    ("category", "drawing"),
    [("Teaware", "teapot"), ("black tea", "tea"), ("jackets", "jacket"), ("嗨", OTHERWISE)],
)
def test_a_category_finds_the_nearest_drawing(category: str, drawing: str):
    assert choose_drawing(category) == drawing


def test_a_product_keeps_its_colours():
    assert choose_colouring("6901234567892") == choose_colouring("6901234567892")
    assert {choose_colouring(str(n)) for n in range(100)} == set(range(len(COLOURINGS)))
