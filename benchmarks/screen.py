"""A kiosk's event stream as a browser holds it: when each coupon's last byte came."""

import contextlib
import http.client
import re
import socket
import threading
import time
from urllib.parse import urlsplit

TIMEOUT_S = 30.0
# A stream is never silent for longer: its heartbeat comes every ten seconds.
SILENT_S_MAX = 25.0
MARK = re.compile(r'data-mark="([^"]*)"')
VISIT = re.compile(rb'data-visit="([^"]+)"')
OFFER = b"data-offer="


class Screen:
    """One open page of a kiosk, as bytes; notes for each visit when its first offer was there."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._http = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=SILENT_S_MAX
        )
        self._path = address.path
        self._socket: socket.socket | None = None
        self._offers: dict[bytes, float] = {}
        self._new = threading.Condition()
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="screen", daemon=True)

    def open(self) -> None:
        """Open the page and follow its stream."""
        self._thread.start()
        if not self._opened.wait(TIMEOUT_S):
            raise TimeoutError(f"the kiosk does not answer within {TIMEOUT_S:g} s")

    def close(self) -> None:
        """Leave the page, as a browser that is closed does."""
        if self._socket is not None:
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_S)

    def wait_for_offer(self, seen: int) -> float:
        """Return when more than `seen` visits had been offered something, on `perf_counter`."""
        with self._new:
            if not self._new.wait_for(lambda: len(self._offers) > seen, TIMEOUT_S):
                raise TimeoutError(f"no coupon came within {TIMEOUT_S:g} s")
            return list(self._offers.values())[seen]

    @property
    def offered(self) -> int:
        """Return how many visits have been offered something so far."""
        return len(self._offers)

    def _follow(self) -> None:
        self._http.request("GET", self._path)
        page = self._http.getresponse().read().decode()
        mark = MARK.search(page)
        self._http.request("GET", f"{self._path}/events?mark={mark.group(1) if mark else ''}")
        self._socket = self._http.sock
        stream = self._http.getresponse()
        self._opened.set()
        rest = b""
        # The stream ends, in the middle of a chunk, when the kiosk does.
        with contextlib.suppress(http.client.IncompleteRead, OSError):
            while piece := stream.read1():
                at_s = time.perf_counter()
                *frames, rest = (rest + piece).split(b"\n\n")
                for frame in frames:
                    self._look_at(frame, at_s)

    def _look_at(self, frame: bytes, at_s: float) -> None:
        visit = VISIT.search(frame)
        if visit is not None and OFFER in frame:
            with self._new:
                self._offers.setdefault(visit.group(1), at_s)
                self._new.notify_all()
