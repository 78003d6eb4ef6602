"""The cloud's API as web shop and app use it: events out, coupons and tokens in, with patience."""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import requests

_log = logging.getLogger(__name__)

# A page waits this long for the cloud at most, to connect and for the answer.
TIMEOUT_S = (0.5, 2.0)
# After the cloud kept silent, pages do not wait for it again for this long.
REST_S = 2.0
# Events wait here for the cloud; beyond this many the oldest are dropped and logged. A real shop
# would keep them on disk.
WAITING_EVENTS_MAX = 1_000
EVENTS_PER_POST = 100

Identifiers = Sequence[Mapping[str, str]]
Redeemed = Literal["used", "unknown", "redeemed", "expired", "held", "event_id", "away"]


class Because(msgspec.Struct, frozen=True):
    """Why something is shown."""

    reason: str
    product: str = ""


class Coupon(msgspec.Struct, frozen=True):
    """One coupon of the shopper; `held_by` is a store that is offline and may be redeeming it."""

    coupon: str
    title: dict[str, str]
    because: Because
    product: str
    percent: int
    expires_at: int
    state: str
    held_by: str = ""


class Recommendation(msgspec.Struct, frozen=True):
    """A product proposed to the shopper, and why."""

    product: str
    because: Because


class Shopper(msgspec.Struct, frozen=True):
    """What the cloud lets the shop show to a shopper."""

    known: bool
    consented: bool
    stage: str
    coupons: tuple[Coupon, ...] = ()
    recommended: tuple[Recommendation, ...] = ()
    saved: tuple[str, ...] = ()
    decided_at: int = 0


class _Token(msgspec.Struct, frozen=True):
    token: str


class _Refusal(msgspec.Struct, frozen=True):
    reason: Redeemed = "unknown"


class _Refused(msgspec.Struct, frozen=True):
    error: _Refusal = _Refusal()


class CloudApi:
    """The API behind one key.

    Guarantees: an event that was recorded is sent until the cloud has it, each time under the same
    id, while no more than WAITING_EVENTS_MAX wait; no page waits longer than TIMEOUT_S.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy stands between a shop and its own cloud
        self._http.headers["Authorization"] = f"Bearer {key}"
        self._waiting: deque[Mapping[str, object]] = deque(maxlen=WAITING_EVENTS_MAX)
        self._lock = threading.Lock()
        self._rests_until_s = 0.0

    @property
    def waiting(self) -> int:
        """Return how many events the cloud does not have yet."""
        return len(self._waiting)

    def record(self, *events: Mapping[str, object]) -> bool:
        """Send events with whatever waits; False when the cloud did not take them now."""
        with self._lock:
            if len(self._waiting) + len(events) > WAITING_EVENTS_MAX:
                _log.warning("the cloud is away for long: the oldest events are dropped")
            self._waiting.extend(events)
            while self._waiting:
                part = [self._waiting[place] for place in range(self._part_size())]
                answer = self._post("/v1/events", {"events": part})
                if answer is None:
                    return False
                if not answer.ok:
                    _log.error("the cloud refuses %d events: %s", len(part), answer.text[:300])
                for _ in part:
                    self._waiting.popleft()
        return True

    def shopper(self, identifiers: Identifiers) -> Shopper | None:
        """Ask what may be shown to a shopper; None when the cloud does not answer."""
        answer = self._post("/v1/shopper", {"identifiers": identifiers})
        if answer is None or not answer.ok:
            return None
        return msgspec.json.decode(answer.content, type=Shopper)

    def redeem(self, coupon: str, identifiers: Identifiers, order: str) -> Redeemed:
        """Redeem a coupon for an order and say how that ended; safe to repeat for the same order.

        `away`: the cloud did not answer, and nobody knows whether it was redeemed; the same order
        may be sent again.
        """
        wish = {"identifiers": identifiers, "order": order, "event_id": f"{order}-{coupon}"}
        answer = self._post(f"/v1/coupons/{coupon}/redeem", wish)
        if answer is None:
            return "away"
        if answer.ok:
            return "used"
        return msgspec.json.decode(answer.content, type=_Refused).error.reason

    def member_token(self, member: str) -> str | None:
        """Return a token for a member's phone, None when the cloud gives none now."""
        answer = self._post("/v1/member-tokens", {"member": member})
        if answer is None:
            return None
        if not answer.ok:
            _log.warning("the cloud signs no token: %s", answer.text[:300])
            return None
        return msgspec.json.decode(answer.content, type=_Token).token

    def _part_size(self) -> int:
        return min(len(self._waiting), EVENTS_PER_POST)

    def _post(self, path: str, body: Mapping[str, object]) -> requests.Response | None:
        """Return the cloud's answer, None when there is none or it is an excuse (5xx)."""
        if time.monotonic() < self._rests_until_s:
            return None
        try:
            answer = self._http.post(
                self._url + path, data=msgspec.json.encode(body), timeout=TIMEOUT_S
            )
        except requests.RequestException as error:
            _log.warning("the cloud does not answer the shop: %s", type(error).__name__)
        else:
            if answer.status_code < 500:
                return answer
            _log.warning("the cloud answers the shop with %d", answer.status_code)
        self._rests_until_s = time.monotonic() + REST_S
        return None
