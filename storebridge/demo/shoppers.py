"""Simulated shoppers: they look at goods online, walk in, hold their card to the camera, and act.

Whatever they do goes through what a real shopper would touch: the web shop's pages, the camera's
picture, the forms of the kiosk's page.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from storebridge.demo.cameras import StoreCameras
from storebridge.demo.kiosk_client import KioskClient
from storebridge.demo.wallets import Wallets
from storebridge.simulated.cards import Held

SCREEN_TIMEOUT_S = 6.0
COUPON_TIMEOUT_S = 3.0
PAUSE_S = 5.0
STAY_S = (6.0, 14.0)
# The kiosk stands in this zone; who holds a card to it has been there for a moment.
KIOSK_ZONE = "shelf-a"
SETTLES_S = 0.8
PHONE_SHARE = 0.7
# Somebody else only looks, here.
OTHER_ZONE = "shelf-b"


@dataclass(slots=True)
class Seen:
    """What the shoppers of the demo have lived through; guarded by `lock`."""

    shown: int = 0
    answered: int = 0
    answered_while_cut: int = 0
    redeemed: int = 0
    scan_to_screen_ms: list[float] = field(default_factory=list)
    scan_to_coupon_ms: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a shopper can act: one store's cameras and kiosk, their own phone, and the web shop."""

    cameras: StoreCameras
    kiosk: KioskClient
    wallets: Wallets
    browse: Callable[[str, str], None]
    line_is_cut: Callable[[], bool]
    products: Sequence[str]


class Shoppers:
    """The shoppers of one store, one after another, in a thread."""

    def __init__(
        self,
        around: Surroundings,
        members: Sequence[str],
        seen: Seen,
        *,
        seed: int,
        speed: float,
    ) -> None:
        self._around = around
        self._members = tuple(members)
        self._seen = seen
        self._speed = speed
        self._rng = random.Random(seed)  # noqa: S311 (made-up people)
        self._ended = threading.Event()
        self._quiet_until_s = 0.0
        self._thread = threading.Thread(target=self._run, name="shoppers", daemon=True)

    def start(self) -> None:
        """Let them come."""
        self._thread.start()

    def make_way(self, seconds: float) -> None:
        """Let nobody else come to the kiosk for a while: a visitor stands there."""
        self._quiet_until_s = time.monotonic() + seconds

    def close(self) -> None:
        """Let nobody else come, and wait for the one inside."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._pause(PAUSE_S)):
            if time.monotonic() > self._quiet_until_s:
                self._visit(self._rng.choice(self._members))

    def _pause(self, seconds: float) -> float:
        return seconds * self._rng.uniform(0.5, 1.5) / self._speed

    def _visit(self, member: str) -> None:
        around, rng = self._around, self._rng
        if rng.random() < 0.6:
            around.browse(member, rng.choice(around.products))
        if rng.random() < 0.5:
            stay_s = rng.uniform(*STAY_S)
            around.cameras.floor.visit(OTHER_ZONE, now_s=time.monotonic(), stay_s=stay_s)
        now_s = time.monotonic()
        stands_s = around.cameras.floor.visit(KIOSK_ZONE, now_s=now_s, stay_s=rng.uniform(*STAY_S))
        self._ended.wait(stands_s - now_s + SETTLES_S)
        asked_s = time.monotonic()
        cut = around.line_is_cut()
        around.cameras.kiosk.show(self._membership(member))
        painted = around.kiosk.wait_for_visit(asked_s, timeout_s=SCREEN_TIMEOUT_S)
        shown = around.cameras.kiosk.last_shown
        with self._seen.lock:
            self._seen.shown += 1
            if painted is None or shown is None:
                return
            self._seen.answered += 1
            self._seen.answered_while_cut += cut
            self._seen.scan_to_screen_ms.append((painted.at_s - shown.at_s) * 1000)
        self._look_around(painted.page.visit, shown.at_s)
        if rng.random() < 0.5:
            self._buy(member)
        self._ended.wait(self._pause(1.0))
        around.kiosk.send("end")

    def _look_around(self, visit: str, shown_s: float) -> None:
        around, rng = self._around, self._rng
        around.kiosk.seen("page")
        offered = around.kiosk.wait_for_coupon(visit, timeout_s=COUPON_TIMEOUT_S)
        if offered is not None:
            with self._seen.lock:
                self._seen.scan_to_coupon_ms.append((offered.at_s - shown_s) * 1000)
            for coupon in offered.page.coupons:
                around.kiosk.seen("offer", coupon=coupon)
        self._ended.wait(self._pause(1.5))
        page = around.kiosk.page
        if page.visit != visit:
            return  # somebody else stands at the kiosk now
        if page.products and rng.random() < 0.5:
            around.kiosk.send("save", product=rng.choice(page.products), saved="1")
        if page.usable and rng.random() < 0.6:
            done = around.kiosk.send("redeem", coupon=page.usable[0])
            with self._seen.lock:
                self._seen.redeemed += done

    def _buy(self, member: str) -> None:
        till, wallets = self._around.cameras.till, self._around.wallets
        till.show(self._membership(member))
        for product in self._rng.sample(list(self._around.products), self._rng.randint(1, 2)):
            till.show(Held(product, "goods"))
        till.show(wallets.payment())

    def _membership(self, member: str) -> Held:
        """Return what this member shows: most have the app on their phone."""
        wallets = self._around.wallets
        has_phone = self._rng.random() < PHONE_SHARE
        return wallets.phone(member) if has_phone else wallets.card(member)
