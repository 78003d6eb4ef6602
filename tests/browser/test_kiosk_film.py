"""A video of a product and a series to follow, at a kiosk in a real Chromium."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.shop import Screens, a_shop_with_screens, served
from tests.edge_store import ANNA, KIOSK, SHOE, SOCK, a_shopper
from wire.views import VideoView

BASE = f"/kiosk/{KIOSK.device}"
WAIT_MS = 60_000
FILM = VideoView(
    "film-1", "shoe.webm", "none.jpg", {"zh": "zh.vtt", "en": "en.vtt", "de": "none.vtt"}
)
FILM_S = 2


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a video of FILM_S seconds and its captions, made here."""
    folder = tmp_path_factory.mktemp("media")
    made = folder / "shoe.mkv"
    codec = cv2.VideoWriter.fourcc(*"VP80")
    writer = cv2.VideoWriter(str(made), codec, 10, (160, 90))
    for shade in range(10 * FILM_S):
        writer.write(np.full((90, 160, 3), 12 * shade, np.uint8))
    writer.release()
    made.replace(folder / FILM.file)
    for language, words in (("zh", "走得远"), ("en", "It goes far")):
        cue = f"WEBVTT\n\n00:00.000 --> 00:02.000\n{words}\n"
        (folder / f"{language}.vtt").write_text(cue, encoding="utf-8")
    return folder


@pytest.fixture
def screens(tmp_path: Path, media: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path, media=media) as screens:
        screens.shop.sells(SHOE, series="Peaks 峰", video=FILM)
        screens.shop.knows(ANNA, a_shopper())
        yield screens


@pytest.fixture
def page(browser: Browser, screens: Screens) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1080, "height": 1920})
    with served(screens) as address:
        page = context.new_page()
        page.goto(f"{address}{BASE}")
        page.goto(f"{address}{BASE}/product/{SHOE}")
        yield page
        context.close()


def eventually(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_MS / 1_000
    while not holds():
        assert time.monotonic() < deadline, f"it did not come about that {what}"
        time.sleep(0.02)


def test_what_was_seen_of_a_video_is_recorded_once_when_its_shopper_goes_on(
    screens: Screens, page: Page
):
    screens.line.set(False)
    screens.shop.begin(ANNA)
    expect(page.locator("#screen[data-page=welcome]")).to_be_visible(timeout=WAIT_MS)
    page.goto(f"{page.url.split(BASE)[0]}{BASE}/product/{SHOE}")
    film = page.locator("video")
    expect(film).to_have_attribute("controls", "")
    tracks = film.locator("track").evaluate_all("all => all.map(t => [t.srclang, t.default])")
    assert tracks == [["zh-CN", True], ["en", False]]
    assert film.get_attribute("poster") is None
    film.evaluate("film => { film.muted = true; }")
    page.locator("[data-play]").click()
    eventually(lambda: film.evaluate("film => film.currentTime > 0.3"), "it plays")
    # A tap that draws the page again does not stop it.
    page.locator("[data-tap=save] button").click()
    expect(page.locator("[data-tap=save] button")).to_have_attribute(
        "aria-pressed", "true", timeout=WAIT_MS
    )
    eventually(lambda: film.evaluate("film => film.ended"), "it ends")
    assert film.evaluate("film => film.textTracks[0].cues[0].text") == "走得远"
    assert screens.shop.events("watched") == []
    page.locator("[data-tap=home]").click()
    eventually(lambda: screens.shop.events("watched"), "it is recorded")
    (watched,) = screens.shop.events("watched")
    assert (watched.body.content, watched.brand) == ("film-1", "acme")
    assert 0.8 * FILM_S * 1_000 <= watched.body.watched_ms <= watched.body.length_ms
    assert watched.body.length_ms == pytest.approx(FILM_S * 1_000, abs=200)
    assert watched.identifiers == (ANNA,)


def test_a_visit_does_not_end_while_its_shopper_watches(screens: Screens, page: Page):
    screens.shop.begin(ANNA)
    expect(page.locator("#screen[data-page=welcome]")).to_be_visible(timeout=WAIT_MS)
    page.goto(f"{page.url.split(BASE)[0]}{BASE}/product/{SHOE}")
    eventually(lambda: screens.shop.events("viewed"), "the page is painted")
    screens.shop.clock.advance(50)
    film = page.locator("video")
    film.evaluate("film => { film.muted = true; return film.play(); }")
    now = screens.shop.clock.now().at
    touched = "SELECT max(touched_at) FROM visits"
    eventually(
        lambda: screens.shop.connection.execute(touched).fetchone()[0] >= now, "the visit goes on"
    )


def test_a_series_is_followed_without_the_line_and_its_goods_come_first(
    screens: Screens, page: Page
):
    screens.line.set(False)
    screens.shop.sells(SOCK, series="Peaks 峰")
    screens.shop.sells("4006381333900")
    follow = page.locator("[data-tap='follow:series'] button")
    expect(follow).to_have_attribute("aria-pressed", "false")
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "true", timeout=WAIT_MS)
    page.locator("[data-tap=goods]").first.click()
    expect(page.locator("#screen[data-page=goods]")).to_be_visible(timeout=WAIT_MS)
    names = page.locator(".card").evaluate_all("all => all.map(e => e.dataset.tap)")
    assert set(names[:2]) == {f"product:{SHOE}", f"product:{SOCK}"}
    page.locator("[data-tap=home]").click()
    page.locator(".chip[data-tap=series]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Peaks 峰", timeout=WAIT_MS)
    assert page.locator(".card").count() == 2
    page.get_by_role("button", name="已关注").click()
    expect(page.get_by_role("button", name="关注 Peaks")).to_be_visible(timeout=WAIT_MS)
    told = [
        (each.body.subject, each.body.followed, each.brand)
        for each in screens.shop.events("followed")
    ]
    assert told == [("Peaks 峰", True, "acme"), ("Peaks 峰", False, "acme")]


@pytest.mark.parametrize(
    "name", ["../store.sqlite3", "..%2fstore.sqlite3", "none.webm", ".hidden.vtt", "x.html"]
)
def test_nothing_but_the_media_of_the_folder_is_served(screens: Screens, media: Path, name: str):
    (media / ".hidden.vtt").write_text("WEBVTT")
    (media / "x.html").write_text("<p>")
    with served(screens) as address:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/media/{name}")
        assert refused.value.code == 404
