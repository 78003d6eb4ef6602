"""Builders for tests of the store half: a real store on disk with a clock that stands still."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent import local_view
from edge_agent.clock import FixedClock
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder
from edge_agent.doorbell import Doorbell
from edge_agent.places import Place
from edge_agent.visits import visits
from edge_agent.visits.visits import Visit
from wire.codec import decode_event
from wire.events import Event
from wire.identifiers import Identifier, key_identifier
from wire.messages import Change
from wire.views import Because, CouponView, PlanView, ProductView, ShopperView, View, encode_view

KEY = bytes(range(16))
NOON = 1_750_000_000_000_000
MINUTE_US = 60_000_000
KIOSK = Place(device="kiosk-1", zone="shoes")
TILL = Place(device="till-1", zone="checkout")
READER = Place(device="reader-1", zone="shoes")
SHOE, SOCK = "6901234567892", "4006381333931"
ANNA = key_identifier("member", "ANNA-1", key=KEY)
BO = key_identifier("member", "BO-2", key=KEY)


@dataclass(frozen=True, slots=True)
class Shop:
    """A store: its recorder, database and clock."""

    recorder: Recorder
    database: Database
    clock: FixedClock

    @property
    def connection(self) -> sqlite3.Connection:
        return self.database.reader()

    def events(self, *kinds: str) -> list[Event]:
        rows = self.connection.execute("SELECT row FROM outbox ORDER BY id").fetchall()
        found = [decode_event(row) for (row,) in rows]
        return [event for event in found if not kinds or event.kind in kinds]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events()]

    def tell(self, table: str, key: str, view: View | None) -> None:
        change = Change(table=table, key=key, value=None if view is None else encode_view(view))
        self.recorder.write(lambda w: local_view.apply(w.connection, change))

    def knows(self, identifier: Identifier, view: ShopperView) -> None:
        self.tell("shopper", identifier.key, view)

    def sells(
        self, product: str, *, price_cents: int = 1000, brand: str = "acme", **more: object
    ) -> None:
        view = a_product(product, price_cents=price_cents, brand=brand)
        self.tell("product", product, msgspec.structs.replace(view, **more))

    def begin(self, *identifiers: Identifier, place: Place = KIOSK) -> Visit:
        return self.recorder.write(lambda w: visits.begin(w, self.clock.now(), place, identifiers))

    def current(self, place: Place = KIOSK) -> Visit | None:
        return visits.current(self.connection, place.device)


@contextmanager
def a_shop(folder: Path) -> Iterator[Shop]:
    database = Database(folder / "store.sqlite3")
    clock = FixedClock(NOON, mono_ms=1_000_000)
    recorder = Recorder(database, Doorbell(), Limits(), now=lambda: clock.now().at)
    recorder.start()
    try:
        yield Shop(recorder, database, clock)
    finally:
        recorder.close()
        database.close()


def a_product(
    product: str, *, price_cents: int = 1000, brand: str = "acme", currency: str = "CNY"
) -> ProductView:
    return ProductView(
        product=product,
        name={"en": f"Product {product}"},
        brand=brand,
        category="shoes",
        price_cents=price_cents,
        currency=currency,
    )


def a_coupon(coupon: str = "c1", **changed: object) -> CouponView:
    fields: dict[str, object] = {
        "coupon": coupon,
        "offer": "spring",
        "title": {"en": "Spring"},
        "because": Because(reason="viewed"),
        "percent": 10,
        "lease": "lease-1",
        "lease_until": NOON + 60 * MINUTE_US,
        "expires_at": NOON + 600 * MINUTE_US,
    }
    return CouponView(**{**fields, **changed})  # type: ignore[arg-type]


def a_shopper(shopper: str = "shopper-7", **changed: object) -> ShopperView:
    fields: dict[str, object] = {
        "shopper": shopper,
        "stage": "interest",
        "because": Because(reason="viewed"),
        "consented": True,
    }
    return ShopperView(**{**fields, **changed})  # type: ignore[arg-type]


def a_plan(zone: str, plan: int, valid_from: int, *products: str) -> PlanView:
    return PlanView(zone=zone, plan=plan, valid_from=valid_from, products=products)
