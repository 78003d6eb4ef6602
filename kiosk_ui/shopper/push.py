"""What is pushed to an open kiosk page: the drawn fragment itself, as soon as its moment comes."""

from collections.abc import Iterator
from dataclasses import replace

from flask import Response, request

from edge_agent import local_view
from kiosk_ui.shopper.drawing import draw, draw_answer, draw_line
from kiosk_ui.shopper.moment import Difference, difference, look
from kiosk_ui.shopper.pages import PAGES
from kiosk_ui.shopper.scene import Page, Scene, Screen
from kiosk_ui.streams import Streams, frame

# The pages that a page code (sb:p:…) may open.
PAGES_BY_CODE = frozenset({"home", "goods", "ordinary", "help", "privacy"})


def push(streams: Streams, screen: Screen) -> Response:
    """Answer with the stream of one kiosk page; it begins with what the page has not seen yet."""
    shown = request.headers.get("Last-Event-ID") or request.args.get("mark", "")
    push = _Push(screen, shown)
    return streams.open(push.look)


class _Push:
    """Remembers what the page shows, and draws what it lacks."""

    def __init__(self, screen: Screen, shown: str) -> None:
        self._screen = screen
        self._shown = shown

    def look(self, beat: bool) -> Iterator[str]:
        """Yield the frames that bring the page up to date."""
        moment = look(self._screen.store, self._screen.kiosk)
        changed = difference(self._shown, moment.mark)
        if changed != "nothing":
            yield frame_of(Scene(self._screen, moment), changed)
        self._shown = moment.mark
        if beat:
            yield frame("line", draw_line(self._screen, moment.at), moment.mark)


def frame_of(scene: Scene, changed: Difference) -> str:
    """Return what tells a page of a change: `show` takes it over, `content` renews the home page.

    `news` does so too, and is pointed at on any other page: an offer or a proposal has come or
    gone. An answer that needs no page of its own is a card on whatever page is open.
    """
    mark = scene.moment.mark
    page = answer_page(scene) if changed == "answer" else None
    if changed == "answer" and page is None:
        return frame("answer", draw_answer(scene), mark)
    if changed == "call" and scene.moment.call is None:
        page = PAGES["help"](replace(scene, subject="answered"))
    event = "news" if changed == "news" else "content"
    if page is not None or changed == "visit":
        event = "show"
    return frame(event, draw(scene, page or PAGES["home"](scene)), mark)


def answer_page(scene: Scene) -> Page | None:
    """Return the page that a scanned product, coupon or page code opens; None for a card."""
    answer = scene.moment.answer
    if answer is None:
        return None
    if answer.kind == "product" and local_view.product(scene.connection, answer.product):
        return PAGES["product"](replace(scene, subject=answer.product))
    if answer.kind == "coupon" and scene.moment.coupon(answer.coupon) is not None:
        return PAGES["coupon"](replace(scene, subject=answer.coupon))
    if answer.kind == "page" and answer.page in PAGES_BY_CODE:
        return PAGES[answer.page](scene)
    return PAGES["home"](scene) if answer.kind == "welcome" else None
