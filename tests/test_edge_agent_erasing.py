"""Erasing in a store: what goes, what is said of it, and that no byte stays in its files."""

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent import forgetting
from edge_agent.clock import Instant
from edge_agent.database import outbox
from edge_agent.delivery import delivery_store
from edge_agent.erasing import Eraser, Signer
from edge_agent.visits import actions, marks, visits, wallet
from edge_agent.visits.actions import Kiosk
from edge_agent.visits.marks import CONSENTED, SAVED
from tests.edge_store import (
    ANNA,
    BO,
    KIOSK,
    MINUTE_US,
    NOON,
    SHOE,
    Shop,
    a_coupon,
    a_shop,
    a_shopper,
)
from wire.erasures import is_signed, mark_of
from wire.events import Clock, Consent, Erased
from wire.identifiers import Identifier
from wire.messages import Absent
from wire.views import ErasureView

SALT = b"a tenant's salt!"
TYPED = "words nobody else types"
DAY_US = 86_400_000_000


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        shop.sells(SHOE)
        yield shop


@pytest.fixture
def eraser(shop: Shop) -> Eraser:
    signer = Signer(tenant="acme", store="s0001", key=Ed25519PrivateKey.generate())
    return Eraser(shop.recorder, shop.database, shop.clock, signer)


def told(shop: Shop, who: Identifier, erasure: str = "e1", erased_at: int = NOON) -> None:
    marks_ = (mark_of(who, SALT),)
    view = ErasureView(erasure=erasure, marks=marks_, salt=SALT, erased_at=erased_at)
    shop.tell("erasure", erasure, view)


def came(shop: Shop, who: Identifier) -> None:
    """Somebody browses unnamed, shows a code, marks, claims and redeems, and leaves."""
    kiosk = Kiosk(recorder=shop.recorder, clock=shop.clock, place=KIOSK)
    shop.knows(who, a_shopper(who.key, coupons=(a_coupon(f"c-{who.key[-4:]}"),), decided_at=NOON))
    unnamed = actions.begin_unnamed(kiosk)
    actions.searched(kiosk, unnamed, TYPED if who is ANNA else "shoe", 1)
    visit = shop.begin(who)
    marks.mark(shop.recorder, shop.clock, visit, SAVED, SHOE)
    wallet.claim(shop.recorder, shop.clock, visit, f"c-{who.key[-4:]}")
    wallet.redeem(shop.recorder, shop.clock, visit, f"c-{who.key[-4:]}")
    visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")


def rows_with(shop: Shop, *needles: bytes) -> dict[str, int]:
    tables = shop.connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    ).fetchall()
    found = {}
    for (table,) in tables:
        cells = [
            cell if isinstance(cell, bytes) else str(cell).encode()
            for row in shop.connection.execute(f'SELECT * FROM "{table}"')
            for cell in row
        ]
        if count := sum(needle in cell for cell in cells for needle in needles):
            found[table] = count
    return found


def of(who: Identifier) -> tuple[bytes, ...]:
    return who.value, who.value.hex().encode()


def test_all_of_the_shopper_goes_and_nothing_of_another(shop: Shop, eraser: Eraser):
    came(shop, ANNA)
    came(shop, BO)
    of_bo = rows_with(shop, *of(BO))
    assert set(rows_with(shop, *of(ANNA))) >= {
        "outbox",
        "local_view",
        "marks",
        "visits",
        "redemptions",
    }
    told(shop, ANNA)
    assert eraser.do() == 1
    assert rows_with(shop, *of(ANNA), TYPED.encode()) == {}
    assert rows_with(shop, *of(BO)) == of_bo


def test_a_coupon_goes_from_a_basket_that_was_left_at_a_till(shop: Shop, eraser: Eraser):
    came(shop, ANNA)
    came(shop, BO)
    codes = [f"c-{who.key[-4:]}" for who in (ANNA, BO)]
    for code in codes:
        row = ("till-1", code, NOON)
        shop.recorder.write(
            lambda writing, row=row: writing.execute(
                "INSERT INTO basket_coupons VALUES (?, ?, ?)", row
            )
        )
    told(shop, ANNA)
    assert eraser.do() == 1
    left = shop.connection.execute("SELECT coupon FROM basket_coupons").fetchall()
    assert left == [(codes[1],)]


def test_each_table_in_which_a_shopper_may_stand_is_erased(shop: Shop):
    telling = {"identifiers", "visit", "subject", "coupon", "row", "view"}
    tables = shop.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    found = {
        table
        for (table,) in tables.fetchall()
        for (_, column, *_) in shop.connection.execute(f'PRAGMA table_info("{table}")').fetchall()
        if column in telling
    }
    assert found == {
        *("answers", "basket_coupons", "claims", "damaged", "local_view", "marks"),
        *("orders", "outbox", "redemptions", "visits"),
    }


def test_the_receipt_is_signed_and_recorded_once(shop: Shop, eraser: Eraser):
    came(shop, ANNA)
    told(shop, ANNA)
    assert (eraser.do(), eraser.do()) == (1, 0)
    (event,) = shop.events("erased")
    assert isinstance(event.body, Erased)
    assert event.body.rows >= 5
    assert is_signed("acme", "s0001", event.body)
    assert not is_signed("acme", "s0002", event.body)
    assert not is_signed("acme", "s0001", msgspec.structs.replace(event.body, rows=0))


def test_not_a_byte_stays_in_the_files(shop: Shop, eraser: Eraser, tmp_path: Path):
    came(shop, ANNA)
    came(shop, BO)
    (tmp_path / "store.sqlite3.damaged-1").write_bytes(b"an old file" + ANNA.value)
    told(shop, ANNA)
    assert eraser.do() == 1
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert not [each for each in (*of(ANNA), TYPED.encode()) if each in content], path
    assert BO.value in (tmp_path / "store.sqlite3").read_bytes()


def test_while_a_reader_is_in_the_way_nothing_is_answered(shop: Shop, eraser: Eraser):
    came(shop, ANNA)
    told(shop, ANNA)
    reading = shop.database.reader()
    reading.execute("BEGIN")
    reading.execute("SELECT count(*) FROM outbox").fetchone()
    assert in_another_thread(eraser) == 0
    reading.execute("COMMIT")
    assert rows_with(shop, *of(ANNA)) == {}
    assert shop.events("erased") == []
    assert eraser.do() == 1


def in_another_thread(eraser: Eraser) -> int:
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(eraser.do()))
    thread.start()
    thread.join(30)
    return done[0]


def test_rows_that_go_are_declared_absent_and_the_rest_is_still_proved_whole(
    shop: Shop, eraser: Eraser
):
    came(shop, BO)
    first = outbox.tail_of(shop.connection).head + 1
    came(shop, ANNA)
    last = outbox.tail_of(shop.connection).head
    shop.begin(BO)
    told(shop, ANNA)
    eraser.do()
    gone = outbox.absent_ranges(shop.connection)
    assert gone == (Absent(first, last, "erased"),)
    tail = outbox.tail_of(shop.connection)
    found = outbox.read(shop.connection, tail.base, 1, tail.head)
    assert set(found.damaged) == set(range(first, last + 1))
    assert tail.absent_rows == last - first + 1


def test_rows_that_the_cloud_holds_are_known_to_be_erased_while_others_stay(
    shop: Shop, eraser: Eraser
):
    came(shop, BO)
    came(shop, ANNA)
    tail = outbox.tail_of(shop.connection)
    state = delivery_store.load(shop.connection, shop.clock.now())
    held = msgspec.structs.replace(state, watermark=tail.head)
    delivery_store.save_received(shop.recorder, held, shop.clock.now())
    told(shop, ANNA)
    eraser.do()
    assert [each.reason for each in outbox.absent_ranges(shop.connection)] == ["erased"]
    delivery_store.save_received(shop.recorder, held, shop.clock.now())
    assert [each.reason for each in outbox.absent_ranges(shop.connection)] == ["erased"]


def test_what_happened_after_the_erasure_is_of_somebody_new(shop: Shop, eraser: Eraser):
    told(shop, ANNA, erased_at=NOON - 1)
    came(shop, ANNA)
    eraser.do()
    assert shop.events("arrival")


def test_an_order_stays_for_returns_and_is_nobodys(shop: Shop, eraser: Eraser):
    shop.recorder.write(
        lambda w: w.execute(
            'INSERT INTO orders ("order", till, zone, identifiers, lines, amount_cents, currency,'
            " paid_at) VALUES ('o1', 't', 'z', ?, ?, 100, 'CNY', ?)",
            (msgspec.msgpack.encode((ANNA,)), msgspec.msgpack.encode(()), NOON),
        )
    )
    told(shop, ANNA)
    eraser.do()
    rows = shop.connection.execute('SELECT "order", identifiers FROM orders').fetchall()
    assert rows == [("o1", msgspec.msgpack.encode(()))]


def test_a_store_that_is_not_reached_forgets_shoppers_by_itself(shop: Shop):
    came(shop, ANNA)

    def forget(days: int) -> None:
        at = NOON + days * DAY_US
        now = Instant(at=at, mono_ms=0, boot=1, quality=Clock.SYNCED)
        forgetting.forget_persons(shop.recorder, shop.database, now, 90)

    names = {"local_view", "marks", "visits", "redemptions"}
    forget(89)
    assert names <= set(rows_with(shop, *of(ANNA)))
    forget(91)
    assert not names & set(rows_with(shop, *of(ANNA)))
    assert shop.connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)


def test_a_withdrawal_at_the_kiosk_holds_at_once_and_until_the_cloud_decided_with_it(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(),), decided_at=NOON))
    visit = shop.begin(ANNA)
    assert visit.consented
    marks.mark(shop.recorder, shop.clock, visit, CONSENTED, "offers", on=False)
    current = shop.current()
    assert current is not None
    assert not current.consented
    assert wallet.coupons(shop.connection, current) == []
    (event,) = shop.events("consent")
    assert isinstance(event.body, Consent)
    assert (event.body.purpose, event.body.given, event.body.via) == ("offers", False, "kiosk")
    assert event.identifiers == (ANNA,)
    # A view that was decided without it changes nothing, however new it claims to be.
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(),), decided_at=NOON + 10 * MINUTE_US))
    again = shop.current()
    assert again is not None
    assert not again.consented
    # The shopper may change their mind here.
    marks.mark(shop.recorder, shop.clock, again, CONSENTED, "offers", on=True)
    given = shop.current()
    assert given is not None
    assert given.consented
