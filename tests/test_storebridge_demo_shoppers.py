"""How often the demo's shoppers come."""

import time
from dataclasses import dataclass, field

from storebridge.demo.cameras import Shown
from storebridge.demo.kiosk_client import Page, Painted
from storebridge.demo.shoppers import Seen, Shoppers, Surroundings
from storebridge.simulated.cards import Held
from tests.cloud_parts import wait_until


@dataclass
class Counter:
    """A counter whose screen answers what is held to it at once, and a floor without ways."""

    last_shown: Shown | None = None
    page: Page = field(default_factory=Page)

    @property
    def kiosk(self) -> "Counter":
        return self

    @property
    def till(self) -> "Counter":
        return self

    @property
    def floor(self) -> "Counter":
        return self

    def visit(self, zone: str, *, now_s: float, stay_s: float) -> float:
        return now_s

    def show(self, held: Held) -> None:
        self.last_shown = Shown(held, time.monotonic(), 0)

    def wait_for_visit(self, after_s: float, *, timeout_s: float) -> Painted:
        return Painted(time.monotonic(), "show", self.page)

    def wait_for_coupon(self, visit: str, *, timeout_s: float) -> None:
        return None

    def send(self, act: str, **fields: str) -> bool:
        return True

    def seen(self, kind: str, **fields: str) -> None:
        pass

    def phone(self, member: str) -> Held:
        return Held(member, "phone")

    card = phone

    def payment(self) -> Held:
        return Held("card", "card")


def come(speed: float, seen: Seen) -> Shoppers:
    counter = Counter()
    around = Surroundings(
        cameras=counter,  # type: ignore[arg-type]
        kiosk=counter,  # type: ignore[arg-type]
        wallets=counter,  # type: ignore[arg-type]
        browse=lambda member, product: None,
        line_is_cut=lambda: False,
        products=["6901234000016", "6901234000115"],
    )
    shoppers = Shoppers(around, ["M1", "M2"], seen, seed=7, speed=speed)
    shoppers.start()
    return shoppers


def test_at_a_higher_speed_more_shoppers_come_in_the_same_time():
    slow, fast = Seen(), Seen()
    both = [come(0.1, slow), come(20, fast)]
    wait_until(lambda: fast.answered >= 2, "two shoppers")
    assert slow.shown == 0
    for each in both:
        each.close()
