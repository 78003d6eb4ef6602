"""What is pushed to an open kiosk page: the drawn fragment itself, as soon as its moment comes."""

from collections.abc import Iterator

from flask import Response, request

from edge_agent import local_view
from kiosk_ui.shopper.drawing import draw, draw_answer, draw_line
from kiosk_ui.shopper.moment import Moment, difference, look
from kiosk_ui.shopper.pages import PAGES, Page, Screen
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
        screen = self._screen
        moment = look(screen.store, screen.kiosk)
        changed = difference(self._shown, moment.mark)
        if changed != "nothing":
            yield self._frame(changed, moment)
        self._shown = moment.mark
        if beat:
            yield frame("line", draw_line(screen, moment.at), moment.mark)

    def _frame(self, changed: str, moment: Moment) -> str:
        screen = self._screen
        if changed == "answer":
            page = answer_page(screen, moment)
            if page is None:
                return frame("answer", draw_answer(screen, moment), moment.mark)
            return self._page_frame("show", moment, page)
        if changed == "call" and moment.call is None:
            return self._page_frame("show", moment, PAGES["help"](screen, moment, "answered"))
        event = "show" if changed == "visit" else "content"
        return self._page_frame(event, moment, PAGES["home"](screen, moment, ""))

    def _page_frame(self, event: str, moment: Moment, page: Page) -> str:
        return frame(event, draw(self._screen, moment, page), moment.mark)


def answer_page(screen: Screen, moment: Moment) -> Page | None:
    """Return the page that a scanned product, coupon or page code opens; None for a card."""
    answer = moment.answer
    if answer is None:
        return None
    connection = screen.store.database.reader()
    if answer.kind == "product" and local_view.product(connection, answer.product):
        return PAGES["product"](screen, moment, answer.product)
    if answer.kind == "coupon" and moment.coupon(answer.coupon) is not None:
        return PAGES["coupon"](screen, moment, answer.coupon)
    if answer.kind == "page" and answer.page in PAGES_BY_CODE:
        return PAGES[answer.page](screen, moment, "")
    if answer.kind == "welcome":
        return PAGES["home"](screen, moment, "")
    return None
