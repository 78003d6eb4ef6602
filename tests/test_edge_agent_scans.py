"""Each scan is recorded, does what it means, and gets a clear answer, whatever was held up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.codes.seal import SealKey, unseal
from edge_agent.codes.translate import Keys, translate
from edge_agent.devices import scans
from edge_agent.devices.scans import Spot
from edge_agent.places import Place
from edge_agent.visits import answers, basket, wallet
from edge_agent.visits.answers import ANSWER_KINDS, Answer
from hardware.readings import CodeReading
from tests.edge_store import (
    ANNA,
    KEY,
    KIOSK,
    NOON,
    READER,
    SHOE,
    SOCK,
    TILL,
    Shop,
    a_coupon,
    a_shop,
    a_shopper,
)
from wire.events import Purchased, Scan, StockMoved, VisitEnded

SEAL = SealKey(name="k1", key=bytes(32))
KEYS = Keys(identifier_key=KEY, seal=SEAL)
AT_KIOSK = Spot(place=READER, store="store-1", kiosk=KIOSK)
AT_TILL = Spot(
    place=Place(device="reader-2", zone="checkout"), store="store-1", kiosk=TILL, role="till"
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def scan(
    shop: Shop,
    code: str | bytes,
    spot: Spot = AT_KIOSK,
    *,
    sure: bool = True,
    confirmed: bool = False,
    keys: Keys = KEYS,
) -> Answer | None:
    raw = code.encode() if isinstance(code, str) else code
    reading = CodeReading(data=raw, symbology="QR", at_mono_ms=0, sure=sure)
    translated = translate(reading, keys, nonce=bytes(12))
    return shop.recorder.write(
        lambda w: scans.take(w, shop.clock.now(), spot, translated, confirmed=confirmed)
    )


def kind_of(answer: Answer | None) -> str:
    return "" if answer is None else answer.kind


def test_a_member_code_begins_a_visit_and_welcomes(shop: Shop):
    assert kind_of(scan(shop, "sb:m:ANNA-1")) == "welcome"
    arrival, scanned = shop.events()
    visit = shop.current()
    assert visit is not None
    assert (arrival.kind, arrival.device, arrival.visit) == ("arrival", "kiosk-1", visit.visit)
    assert (scanned.device, scanned.visit, scanned.identifiers) == (
        "reader-1",
        visit.visit,
        (ANNA,),
    )
    assert scanned.body == Scan(code_kind="member", symbology="QR")


def test_a_scan_belongs_to_the_visit_at_the_kiosk_and_to_the_products_brand(shop: Shop):
    shop.sells(SHOE, brand="acme")
    visit = shop.begin(ANNA)
    assert scan(shop, SHOE) == Answer(kind="product", at=NOON, product=SHOE)
    (event,) = shop.events("scan")
    assert (event.visit, event.identifiers, event.brand) == (visit.visit, (ANNA,), "acme")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("", "empty_code"),
        ("A" * 4096, "too_long"),
        ("a\x00b\x1b[31m", "unknown_code"),
        (b"\xff\xfe", "unknown_code"),
        ("'; DROP TABLE visits; --", "unknown_code"),
        ("<img src=x onerror=alert(1)>", "unknown_code"),
        (SOCK, "uncertain"),
        ("sb:t:card", "wrong_kind"),
        ("sb:c:c1", "member_first"),
        ("sb:s:store-1", "store"),
        ("sb:s:store-2", "store_other"),
        ("sb:p:new-in", "page"),
    ],
)
def test_every_code_gets_a_clear_answer_and_its_event(shop: Shop, code: str, kind: str):
    assert kind_of(scan(shop, code)) == kind
    assert len(shop.events("scan")) == 1
    kept = answers.last(shop.connection, "kiosk-1")
    assert kept is not None
    assert (kept.kind, kept.text_key) == (kind, ANSWER_KINDS[kind])


def test_the_raw_bytes_of_an_unknown_code_come_back_with_the_key_alone(shop: Shop):
    raw = b"<script>\x00'; DROP TABLE outbox; --" * 50
    scan(shop, raw)
    (event,) = shop.events("scan")
    assert isinstance(event.body, Scan)
    assert unseal(SEAL, event.body.sealed) == raw


def test_no_plain_code_of_a_member_or_stranger_reaches_the_disk(shop: Shop, tmp_path: Path):
    scan(shop, "sb:m:ANNA-1")
    scan(shop, "PASSPORT-X1234567")
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert b"ANNA-1" not in content
        assert b"PASSPORT-X1234567" not in content


def test_a_coupon_code_answers_by_its_state(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon("c1"), a_coupon("c2", state="redeemed"))))
    shop.begin(ANNA)
    assert [kind_of(scan(shop, f"sb:c:{each}")) for each in ("c1", "c2", "c3")] == [
        "coupon",
        "coupon_used",
        "coupon_unknown",
    ]


@pytest.mark.parametrize("spot", [AT_KIOSK, AT_TILL], ids=["kiosk", "till"])
def test_a_number_that_the_store_does_not_sell_is_asked_for_a_second_time(shop: Shop, spot: Spot):
    """Two readers can agree on a wrong number whose check digit is right."""
    assert scan(shop, SOCK, spot) == Answer(kind="uncertain", at=NOON)
    assert kind_of(scan(shop, SOCK, spot, confirmed=True)) == "product_not_here"
    first, second = (event.body for event in shop.events("scan"))
    assert isinstance(first, Scan)
    assert (first.code_kind, first.product, first.fault) == ("product", "", "uncertain")
    assert unseal(SEAL, first.sealed) == SOCK.encode()
    assert second == Scan(code_kind="product", symbology="QR", product=SOCK)


@pytest.mark.parametrize("spot", [AT_KIOSK, AT_TILL], ids=["kiosk", "till"])
@pytest.mark.parametrize("confirmed", [False, True])
def test_what_the_reader_is_not_sure_of_is_asked_for_again_and_does_nothing(
    shop: Shop, spot: Spot, confirmed: bool
):
    shop.sells(SHOE)
    shop.knows(ANNA, a_shopper(coupons=(a_coupon("c1"),)))
    for code in (SHOE, "sb:m:ANNA-1", "sb:c:c1", "sb:t:card", "sb:p:goods"):
        answer = scan(shop, code, spot, sure=False, confirmed=confirmed)
        assert answer == Answer(kind="uncertain", at=NOON)
    assert {event.kind for event in shop.events()} == {"scan"}
    assert {(event.body.fault, event.body.product, event.body.coupon, event.identifiers)  # type: ignore[union-attr]
            for event in shop.events()} == {("uncertain", "", "", ())}  # fmt: skip
    assert basket.lines(shop.connection, "till-1") == []
    assert shop.connection.execute("SELECT count(*) FROM stock").fetchone() == (0,)


def test_an_uncertain_number_is_neither_sold_nor_lowers_stock(shop: Shop):
    shop.sells(SHOE)
    scan(shop, SHOE, AT_TILL)
    scan(shop, SOCK, AT_TILL)
    scan(shop, SOCK, AT_TILL, confirmed=True)
    scan(shop, SHOE, AT_TILL, sure=False)
    assert kind_of(scan(shop, "sb:t:card", AT_TILL)) == "paid"
    assert [event.body for event in shop.events("stock_moved")] == [StockMoved(SHOE, -1, "sold")]


def test_a_strangers_card_with_a_number_like_goods_is_never_kept_plain(shop: Shop, tmp_path: Path):
    """Many loyalty cards are numbers of the range that is free for use within a store."""
    card = "2400000123453"
    assert kind_of(scan(shop, card)) == "uncertain"
    assert kind_of(scan(shop, card, confirmed=True)) == "product_not_here"
    shop.recorder.close()
    for file in tmp_path.iterdir():
        assert card.encode() not in file.read_bytes()


def test_a_reader_that_serves_no_kiosk_records_what_is_uncertain_as_such(shop: Shop):
    spot = Spot(place=READER, store="store-1")
    assert scan(shop, SOCK, spot) is None
    assert scan(shop, "sb:m:ANNA-1", spot, sure=False) is None
    assert [(event.identifiers, event.body.fault) for event in shop.events()] == [  # type: ignore[union-attr]
        ((), "uncertain"),
        ((), "uncertain"),
    ]


def test_the_thanks_for_a_payment_stay_while_the_code_is_held_up(shop: Shop):
    shop.sells(SHOE)
    scan(shop, SHOE, AT_TILL)
    scan(shop, "sb:t:card", AT_TILL)
    assert shop.recorder.write(lambda w: scans.repeated(w, shop.clock.now(), AT_TILL)) is not None
    assert kind_of(answers.last(shop.connection, "till-1")) == "paid"


def test_a_repeated_code_is_answered_and_not_recorded(shop: Shop):
    answer = shop.recorder.write(lambda w: scans.repeated(w, shop.clock.now(), AT_KIOSK))
    assert kind_of(answer) == "already_scanned"
    assert shop.events() == []


def test_a_reader_that_serves_no_kiosk_only_records(shop: Shop):
    spot = Spot(place=READER, store="store-1")
    assert scan(shop, "sb:m:ANNA-1", spot) is None
    assert shop.kinds() == ["scan"]
    assert shop.events()[0].identifiers == (ANNA,)


def test_a_member_buys_with_a_coupon_at_the_till(shop: Shop):
    shop.sells(SHOE, price_cents=10_000)
    shop.sells(SOCK, price_cents=500, brand="other")
    shop.knows(ANNA, a_shopper(coupons=(a_coupon("c1", percent=10, brand="acme"),)))
    for code in ("sb:m:ANNA-1", SHOE, SOCK, SOCK, "sb:c:c1"):
        scan(shop, code, AT_TILL)
    assert [(each.product, each.quantity) for each in basket.lines(shop.connection, "till-1")] == [
        (SHOE, 1),
        (SOCK, 2),
    ]
    assert kind_of(scan(shop, "sb:t:card", AT_TILL)) == "paid"
    (bought,) = shop.events("purchased")
    assert isinstance(bought.body, Purchased)
    assert bought.body.amount_cents == 9_000 + 1_000
    assert bought.identifiers == (ANNA,)
    assert [event.body for event in shop.events("stock_moved")] == [
        StockMoved(SHOE, -1, "sold"),
        StockMoved(SOCK, -2, "sold"),
    ]
    (redeemed,) = shop.events("coupon_redeemed")
    assert redeemed.body.order == bought.body.order  # type: ignore[union-attr]
    assert redeemed.body.amount_cents == 1_000  # type: ignore[union-attr]
    assert shop.events()[-1].body == VisitEnded(by="paid")
    assert basket.lines(shop.connection, "till-1") == []
    assert kind_of(scan(shop, "sb:t:card", AT_TILL)) == "basket_empty"


def test_a_coupon_used_at_the_kiosk_and_read_again_at_the_till_counts_once(shop: Shop):
    shop.sells(SHOE)
    shop.knows(ANNA, a_shopper(coupons=(a_coupon("c1"),)))
    visit = shop.begin(ANNA)
    wallet.redeem(shop.recorder, shop.clock, visit, "c1")
    for code in ("sb:m:ANNA-1", SHOE):
        scan(shop, code, AT_TILL)
    assert kind_of(scan(shop, "sb:c:c1", AT_TILL)) == "coupon"
    assert kind_of(scan(shop, "sb:t:card", AT_TILL)) == "paid"
    assert shop.events("purchased")[0].body.amount_cents == 900  # type: ignore[union-attr]
    scan(shop, "sb:m:ANNA-1", AT_TILL)
    assert kind_of(scan(shop, "sb:c:c1", AT_TILL)) == "coupon_used"


def test_what_the_store_has_no_price_for_is_not_put_into_the_basket(shop: Shop):
    assert kind_of(scan(shop, SHOE, AT_TILL, confirmed=True)) == "product_not_here"
    assert basket.lines(shop.connection, "till-1") == []
