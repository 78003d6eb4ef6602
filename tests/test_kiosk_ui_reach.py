"""Each page of the kiosk, in every state, has privacy notice and ordinary page in reach."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from flask import Flask

import kiosk_ui
from edge_agent.visits import calls, visits, wallet
from edge_agent.visits.answers import ANSWER_KINDS
from kiosk_ui.app import create_app
from kiosk_ui.shopper.drawing import screen_of
from kiosk_ui.shopper.moment import Difference, look
from kiosk_ui.shopper.pages import PAGES
from kiosk_ui.shopper.push import frame_of
from kiosk_ui.shopper.scene import Scene
from kiosk_ui.texts import LANGUAGES
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_store import ANNA, KIOSK, SHOE, a_coupon, a_shopper

BASE = f"/kiosk/{KIOSK.device}"
TEMPLATES = Path(kiosk_ui.__file__).parent / "templates" / "shopper"
ALL = {
    each.stem
    for each in TEMPLATES.glob("*.html")
    if 'extends "shopper/screen.html"' in each.read_text(encoding="utf-8")
}
ADDRESSES = [
    "",
    *(f"/{name}" for name in PAGES),
    "/search?q=P",
    "/search?q=zzz",
    "/goods/here",
    "/brand?q=acme",
    f"/product/{SHOE}",
    "/product/0000",
    "/coupon/c1",
    "/coupon/c2",
    "/help/answered",
    "/nowhere",
]


@contextmanager
def a_kiosk(folder: Path) -> Iterator[tuple[Screens, Flask]]:
    folder.mkdir()
    with a_shop_with_screens(folder) as screens:
        coupons = (a_coupon(product=SHOE), a_coupon("c2", lease=""))
        screens.shop.knows(ANNA, a_shopper(coupons=coupons))
        yield screens, create_app(screens.store)


def nobody(_: Screens) -> None:
    """Nobody is here."""


def a_known_member(screens: Screens) -> None:
    screens.shop.begin(ANNA)


def a_nameless_shopper(screens: Screens) -> None:
    screens.shop.begin()


def a_used_coupon(screens: Screens) -> None:
    visit = screens.shop.begin(ANNA)
    wallet.redeem(screens.store.recorder, screens.store.clock, visit, "c1")


def a_call_for_help(screens: Screens) -> None:
    visit = screens.shop.begin(ANNA)
    calls.ask(screens.store.recorder, screens.store.clock, KIOSK, visit, "reach")


def a_visit_that_ended(screens: Screens) -> None:
    screens.shop.begin(ANNA)
    visits.end(screens.store.recorder, screens.store.clock, KIOSK.device, "walk_away")


def a_line_that_is_cut(screens: Screens) -> None:
    screens.shop.begin(ANNA)
    screens.line.set(False)
    screens.shop.clock.advance(120)


def an_answer(screens: Screens) -> None:
    screens.answers("unknown_code")


# What may be going on at the kiosk when somebody looks for one of the two.
STATES: tuple[Callable[[Screens], None], ...] = (
    nobody,
    a_known_member,
    a_nameless_shopper,
    a_used_coupon,
    a_call_for_help,
    a_visit_that_ended,
    a_line_that_is_cut,
    an_answer,
)


def page_with_both(html: str, where: object) -> str:
    """Check a page for both, and return its name."""
    found = re.search(r'data-page="(\w+)"', html)
    assert found, where
    assert re.search(rf'<form method="post" action="{BASE}/ordinary"[^>]*>.*?<button', html), where
    assert f'<a class="dock-item" href="{BASE}/privacy"' in html, where
    return found[1]


def walk(screens: Screens, app: Flask, languages: Sequence[str]) -> Iterator[str]:
    """Open every address in these languages."""
    for language in languages:
        client = app.test_client()
        client.get(f"{BASE}?language={language}")
        for address in ADDRESSES:
            yield page_with_both(client.get(BASE + address).text, (language, address))


def tap(screens: Screens, app: Flask) -> Iterator[str]:
    """Send every form, also those that are refused."""
    client = app.test_client()
    screens.shop.begin(ANNA)
    found = re.search(r'data-visit="(\w*)".*?data-token="(\w+)"', client.get(BASE).text)
    assert found
    form = {"visit": found[1], "token": found[2], "coupon": "c1", "product": SHOE, "topic": "reach"}
    for act in ("claim", "redeem", "redeem", "save", "help", "browse", "end", "save", "ordinary"):
        yield page_with_both(
            client.post(f"{BASE}/{act}", data=form, follow_redirects=True).text, act
        )
    yield page_with_both(client.post(f"{BASE}/redeem", data={}).text, "another browser's form")


def push(screens: Screens, app: Flask) -> Iterator[str]:
    """Let everything be pushed that takes the page's place."""
    screens.shop.begin(ANNA)
    for kind in ANSWER_KINDS:
        screens.answers(kind, product=SHOE, coupon="c1", page="privacy")
        for changed in get_args(Difference) if kind == "unknown_code" else ("answer",):
            with app.test_request_context(BASE):
                screen = screen_of(screens.store, KIOSK.device, "nonce")
                pushed = frame_of(Scene(screen, look(screens.store, KIOSK.device)), changed)
            if "event: answer\n" not in pushed:  # a card, which takes nothing away
                yield page_with_both(pushed, (changed, kind))


def test_privacy_and_the_ordinary_page_are_on_every_page_in_every_state_and_language(
    tmp_path: Path,
):
    walked: set[str] = set()
    for state in STATES:
        with a_kiosk(tmp_path / state.__name__) as (screens, app):
            state(screens)
            # The frame of a page is the same whoever is here: not each state needs each language.
            languages = LANGUAGES if state is a_known_member else ("zh",)
            walked |= set(walk(screens, app, languages))
    for act in (tap, push):
        with a_kiosk(tmp_path / act.__name__) as (screens, app):
            walked |= set(act(screens, app))
    assert walked == ALL
    assert len(ALL) >= 15
