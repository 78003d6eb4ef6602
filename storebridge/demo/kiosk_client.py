"""A kiosk's screen without a browser: follows its stream and sends the forms that a tap would."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import requests

TIMEOUT_S = 10.0
# A stream is never silent for longer: the kiosk's heartbeat comes every ten seconds.
SILENT_S_MAX = 25.0
RETRY_S = 0.5
FRAMES_KEPT = 200


@dataclass(slots=True)
class Page:
    """What stands on the screen: its page, its visit, the token for forms, coupons and goods."""

    name: str = ""
    visit: str = ""
    token: str = ""
    mark: str = ""
    coupons: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    usable: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Painted:
    """A change of the screen: when its last byte came (monotonic s), and what it shows since."""

    at_s: float
    event: str
    page: Page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        page = self.page
        if values.get("id") == "screen":
            page.name, page.visit = values["data-page"], values["data-visit"]
            page.token, page.mark = values["data-token"], values["data-mark"]
        if "data-offer" in values:
            page.coupons.append(values["data-coupon"])
        if tag == "a" and "/product/" in values.get("href", ""):
            page.products.append(values["href"].rsplit("/", 1)[1])
        if tag == "a" and values.get("data-tap") == "use":
            page.usable.append(values["href"].rsplit("/", 1)[1])


def read_page(html: str) -> Page:
    """Return what a page or fragment shows."""
    reader = _Reader()
    reader.feed(html)
    return reader.page


class KioskClient:
    """One open kiosk page."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.page = Page()
        self.painted: deque[Painted] = deque(maxlen=FRAMES_KEPT)
        self._http = requests.Session()
        self._new = threading.Condition()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kiosk client", daemon=True)

    def start(self) -> None:
        """Open the page and follow its stream."""
        self._thread.start()

    def close(self) -> None:
        """Stop following; the thread ends with its next frame, or with this process."""
        self._ended.set()
        self._http.close()

    def wait_for_visit(self, after_s: float, *, timeout_s: float) -> Painted | None:
        """Return the first change after `after_s` that shows a visit, None when none comes."""

        def found() -> Painted | None:
            return next((p for p in self.painted if p.at_s > after_s and p.page.visit), None)

        with self._new:
            return self._new.wait_for(found, timeout_s)

    def wait_for_coupon(self, visit: str, *, timeout_s: float) -> Painted | None:
        """Return the first change that offers this visit a coupon, None when none comes."""

        def found() -> Painted | None:
            return next((p for p in self.painted if p.page.visit == visit and p.page.coupons), None)

        with self._new:
            return self._new.wait_for(found, timeout_s)

    def send(self, act: str, **fields: str) -> bool:
        """Send a form of the page, as a tap on it would; False when the kiosk refused it."""
        form = {"token": self.page.token, "visit": self.page.visit, **fields}
        try:
            answer = self._http.post(
                f"{self.url}/{act}", data=form, headers={"X-Fragment": "1"}, timeout=TIMEOUT_S
            )
        except requests.RequestException:
            return False
        self._show("tap", answer.text)
        return answer.ok

    def seen(self, kind: str, **fields: str) -> None:
        """Confirm that something was painted."""
        self.send("seen", kind=kind, page=self.page.name, **fields)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._show("open", self._http.get(self.url, timeout=TIMEOUT_S).text)
                for event, text in self._events():
                    self._show(event, text)
            except (requests.RequestException, OSError):
                self._ended.wait(RETRY_S)

    def _events(self) -> Iterator[tuple[str, str]]:
        stream = self._http.get(
            f"{self.url}/events",
            params={"mark": self.page.mark},
            stream=True,
            timeout=(TIMEOUT_S, SILENT_S_MAX),
        )
        event, lines = "", list[str]()
        with stream:
            for line in _lines(stream):
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    lines.append(value)
                elif not line and lines:
                    yield event, "\n".join(lines)
                    lines.clear()
                if self._ended.is_set():
                    return

    def _show(self, event: str, html: str) -> None:
        page = read_page(html)
        if not page.name:
            return  # a card or a line, not a page
        with self._new:
            self.page = page
            self.painted.append(Painted(time.monotonic(), event, page))
            self._new.notify_all()


def _lines(stream: requests.Response) -> Iterator[str]:
    """Yield the lines of a stream as soon as their last byte has come."""
    rest = b""
    for chunk in stream.iter_content(chunk_size=None):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
