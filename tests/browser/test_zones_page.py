"""Zones are drawn with clicks in a real browser, and the file that comes out is read again."""

import re
import tomllib
from collections.abc import Iterator

import cv2
import pytest
from playwright.sync_api import Browser, Page, expect

from edge_agent.web import WebServer
from storebridge.drawing.still import HOST, THREADS, Still, create_page
from tests.camera_pictures import HEIGHT, WIDTH, shop


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    still = Still(cv2.imencode(".png", shop())[1].tobytes(), WIDTH, HEIGHT)
    server = WebServer(create_page(still, "t0ken"), HOST, 0, THREADS)
    server.start()
    context = browser.new_context(viewport={"width": 500, "height": 900})  # narrower than the still
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://{HOST}:{server.port}/t0ken/")
    yield page
    context.close()
    server.close()
    assert [each for each in complaints if "400" not in each] == []


def click(page: Page, *points: tuple[int, int]) -> None:
    box = page.locator("#still").bounding_box()
    assert box is not None
    for x, y in points:
        at = {"x": x * box["width"] / WIDTH, "y": y * box["height"] / HEIGHT}
        page.locator("#still").click(position=at)


def keep(page: Page, name: str) -> None:
    page.fill("#name", name)
    page.click("#keep")


def near(drawn: object, points: list[tuple[int, int]]) -> bool:
    assert isinstance(drawn, list)
    return len(drawn) == len(points) and all(
        abs(x - a) <= 2 and abs(y - b) <= 2 for (x, y), (a, b) in zip(drawn, points, strict=True)
    )


def test_a_zone_and_a_line_become_a_zone_file(page: Page):
    corners, ends = [(100, 100), (300, 110), (200, 300)], [(400, 50), (420, 400)]
    click(page, *corners)
    keep(page, 'shoes "new"')
    page.check("input[value=lines]")
    click(page, *ends)
    keep(page, "door")
    expect(page.locator("#toml")).to_have_value(holding("door"))
    read = tomllib.loads(page.input_value("#toml"))
    assert near(read["zones"]['shoes "new"']["polygon"], corners)
    assert near(read["lines"]["door"], ends)
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "zones.toml"
    page.get_by_role("button", name="Remove").first.click()
    expect(page.locator("#toml")).not_to_have_value(holding("shoes"))


def test_what_is_missing_is_said(page: Page):
    click(page, (10, 10), (50, 50))
    keep(page, "shoes")
    expect(page.locator("#said")).to_have_text("Click 3 points first.")
    click(page, (10, 60))
    keep(page, "")
    expect(page.locator("#said")).to_have_text("Give it a name first.")


def holding(word: str) -> re.Pattern[str]:
    return re.compile(word)
