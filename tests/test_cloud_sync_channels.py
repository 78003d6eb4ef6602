"""What other systems deliver becomes events, once, signed, and without a plain identifier.

The payloads in tests/payloads are ours, in the shape that each platform documents; the modules of
cloud_sync/channels name the sources.
"""

import json
from collections.abc import Iterator

import pytest

from cloud_sync.channels import refused
from cloud_sync.channels.delivery import cents
from cloud_sync.channels.table import CHANNELS
from cloud_sync.channels.webhooks import SecretError, Webhook, read_secrets
from cloud_sync.intake.posted import PostRefusedError
from tests.doors import NOW, SECRET, Doors, doors_of, in_base64, payload, timed
from tests.shopper_builders import KEY, TENANT
from wire.events import PageShown, Purchased, Returned, Tapped

TEA, POT = "6901234000016", "6901234000115"
PAID = payload("shopify-orders-paid.json")


@pytest.fixture
def doors(cloud_dsn: str) -> Iterator[Doors]:
    with doors_of(cloud_dsn) as made:
        yield made


def changed(body: bytes, **fields: object) -> bytes:
    return json.dumps({**json.loads(body), **fields}).encode()


def test_an_order_of_shopify_is_a_purchase_of_the_account_that_paid(doors: Doors):
    answer = doors.shopify("orders/paid", PAID)
    assert (answer.status_code, answer.json) == (200, {"accepted": 1, "repeated": 0})
    (bought,) = doors.posted()
    body = bought.event.body
    assert isinstance(body, Purchased)
    assert (body.order, body.amount_cents, body.currency) == ("820982911946154508", 20_720, "CNY")
    assert [(line.product, line.quantity, line.amount_cents) for line in body.lines] == [
        (TEA, 1, 7_920),
        (POT, 2, 12_800),
    ]
    assert [(each.coupon, each.amount_cents) for each in body.discounts] == [
        ("0123456789abcdef0123", 880)
    ]
    kinds = [each.kind for each in bought.event.identifiers]
    assert kinds == ["app", "email", "claimed_phone"]
    doors.fold()
    assert doors.profile("email", "li.na@example.com").money["CNY"].paid_cents == 20_720
    # What the buyer typed joins nobody: nothing is known of whoever holds that number.
    with pytest.raises(KeyError):
        doors.key_of("phone", "13800138000")


@pytest.mark.parametrize("topic", ["orders/create", "orders/updated", "orders/paid"])
def test_an_order_told_by_several_topics_counts_once(doors: Doors, topic: str):
    doors.shopify("orders/paid", PAID)
    assert doors.shopify(topic, PAID).json == {"accepted": 0, "repeated": 1}


@pytest.mark.parametrize(
    ("topic", "fields"),
    [
        ("orders/create", {"financial_status": "pending"}),
        ("orders/paid", {"test": True}),
        ("customers/update", {}),
    ],
)
def test_what_is_no_sale_yet_says_nothing(doors: Doors, topic: str, fields: dict[str, object]):
    assert doors.shopify(topic, changed(PAID, **fields)).json == {"accepted": 0, "repeated": 0}


def test_a_refund_of_shopify_names_order_goods_and_amount(doors: Doors):
    doors.shopify("refunds/create", payload("shopify-refunds-create-part.json"))
    (back,) = doors.posted()
    assert back.event.body == Returned(
        order="820982911946154508",
        lines=back.event.body.lines,
        amount_cents=6_400,
        currency="CNY",
    )
    (line,) = back.event.body.lines
    assert (line.product, line.quantity, line.amount_cents) == (POT, 1, 6_400)


def test_an_order_of_woocommerce_brings_its_refunds_once_each(doors: Doors):
    assert doors.woocommerce(payload("woocommerce-order-updated.json")).json["accepted"] == 1
    assert doors.woocommerce(payload("woocommerce-order-refunded.json")).json == {
        "accepted": 2,
        "repeated": 1,
    }
    bought, part, rest = (each.event.body for each in doors.posted())
    assert (bought.amount_cents, part.amount_cents, rest.amount_cents) == (15_200, 3_000, 12_200)
    assert (part.lines, [line.product for line in rest.lines]) == ((), [TEA, POT])


def test_a_payment_names_the_till_that_sold_and_a_payer_who_opted_in(doors: Doors):
    doors.stripe(payload("stripe-checkout-session-completed.json"))
    doors.stripe(payload("stripe-charge-refunded.json"))
    paid, back = doors.posted()
    assert (paid.event.body.order, paid.event.body.amount_cents) == (
        "till-1-9f3a51c0b7d2@s0001",
        15_200,
    )
    assert {each.kind for each in paid.event.identifiers} == {
        "app",
        "claimed_email",
        "claimed_phone",
    }
    assert (back.event.body.order, back.event.body.amount_cents) == (
        "till-1-9f3a51c0b7d2@s0001",
        10_000,
    )


def test_a_payer_who_did_not_opt_in_is_nobody(doors: Doors):
    told = json.loads(payload("stripe-checkout-session-completed.json"))
    told["data"]["object"]["consent"] = None
    doors.stripe(json.dumps(told).encode())
    (paid,) = doors.posted()
    assert paid.event.identifiers == ()


def test_a_mini_program_joins_the_proven_number_with_its_account(doors: Doors):
    body = payload("mini-program-login.json")
    doors.now = 1_795_420_000_000_000
    assert doors.mini_program(body).json == {"accepted": 2, "repeated": 0}
    doors.fold()
    account = doors.key_of("app", "wechat:o6_bmasdasdsad6_2sgVt7hMZOPfL")
    assert doors.key_of("phone", "13600136000") == account
    assert [each.event.body.by for each in doors.posted()] == ["mini_program", "near:s0001"]


def test_what_was_not_consented_to_is_passed_over(doors: Doors):
    doors.now = 1_795_420_000_000_000
    doors.mini_program(changed(payload("mini-program-login.json"), consented=[]))
    (signed_in,) = doors.posted()
    assert [each.kind for each in signed_in.event.identifiers] == ["app"]


def test_a_number_that_wechat_vouched_for_long_ago_is_refused(doors: Doors):
    answer = doors.mini_program(payload("mini-program-login.json"))
    (wrong,) = answer.json["error"]["fields"]
    assert (answer.status_code, wrong["field"]) == (422, "phone.phone_info.watermark.timestamp")


def test_ads_tell_of_clicks_and_impressions(doors: Doors):
    assert doors.ads(payload("ads-tencent-click.txt").decode()).json["accepted"] == 1
    assert doors.ads(payload("ads-ocean-engine-impression.txt").decode()).json["accepted"] == 1
    click, impression = (each.event for each in doors.posted())
    assert click.body == Tapped(page="ad:228691429", target="251986746")
    assert click.brand == "Maru"
    assert impression.body == PageShown(page="ad:1789012345678901")
    assert [each.kind for each in click.identifiers] == ["web"]


def test_a_click_whose_macro_is_not_filled_in_names_the_parameter(doors: Doors):
    answer = doors.ads("what=click&id=__CLICK_ID__&at=1795420000&campaign=1")
    (wrong,) = answer.json["error"]["fields"]
    assert (answer.status_code, wrong["field"]) == (422, "id")


def test_either_of_two_secrets_signs_while_one_takes_over(doors: Doors):
    signature = in_base64(PAID, b"the secret that comes after this")
    assert doors.shopify("orders/paid", PAID, signature).status_code == 200


@pytest.mark.parametrize(
    "signature",
    ["", "not base64!", in_base64(PAID, b"somebody else's secret"), in_base64(PAID + b" ")],
)
def test_what_is_not_signed_with_our_secret_is_refused_and_not_kept(doors: Doors, signature: str):
    assert doors.shopify("orders/paid", PAID, signature).status_code == 403
    assert doors.posted() == []
    with doors.database.shopper(TENANT) as connection:
        assert refused.listed(connection, TENANT) == []


@pytest.mark.parametrize("late_s", [-301, 301])
def test_what_was_signed_at_another_time_is_refused(doors: Doors, late_s: int):
    body = payload("stripe-charge-refunded.json")
    assert doors.stripe(body, NOW - late_s * 1_000_000).status_code == 403
    assert doors.stripe(body, NOW - 299_000_000).status_code == 200


def test_a_time_that_was_not_signed_is_not_believed(doors: Doors):
    body = payload("stripe-charge-refunded.json")
    old = timed(body, NOW - 3_600_000_000).partition(",")[2]
    headers = {"Stripe-Signature": f"t={NOW // 1_000_000},{old}"}
    assert (
        doors.client.post("/v1/webhooks/stripe/pay", data=body, headers=headers).status_code == 403
    )


def test_a_wrong_token_of_an_address_is_refused(doors: Doors):
    query = payload("ads-tencent-click.txt").decode().strip()
    for token in ("", "token=wrong&"):
        assert doors.client.get(f"/v1/webhooks/ads/ads?{token}{query}").status_code == 403


def test_an_address_that_is_none_says_so(doors: Doors):
    assert doors.client.post("/v1/webhooks/shopify/none").status_code == 404
    assert doors.client.post("/v1/webhooks/stripe/orders").status_code == 404
    wrong_method = doors.client.get("/v1/webhooks/shopify/orders")
    assert (wrong_method.status_code, wrong_method.headers["Allow"]) == (405, "POST")


BROKEN = [
    (b"{", "$"),
    (changed(PAID, currency=None), "currency"),
    (changed(PAID, processed_at="yesterday"), "processed_at"),
    (PAID.replace(b'"quantity": 2', b'"quantity": "two"'), "line_items[1].quantity"),
    (PAID.replace(b'"price": "64.00"', b'"price": "dear"'), "line_items[1].price"),
]


@pytest.mark.parametrize(("body", "field"), BROKEN, ids=[field for _, field in BROKEN])
def test_a_bad_delivery_names_its_field_and_is_kept_sealed(doors: Doors, body: bytes, field: str):
    answer = doors.shopify("orders/paid", body)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json["error"]["fields"]] == [field]
    doors.shopify("orders/paid", body)
    with doors.database.shopper(TENANT) as connection:
        (kept,) = refused.listed(connection, TENANT)
        rows = connection.execute("SELECT refused_delivery::text FROM refused_delivery").fetchall()
    assert kept.reason.startswith(f"{field}: ")
    for plain in (b"li.na", b"13800138000", "娜".encode()):
        assert plain not in kept.sealed
        assert plain.hex() not in rows[0][0]


def shopify() -> Webhook:
    return Webhook(
        name="orders",
        tenant=TENANT,
        channel=CHANNELS["shopify"],
        source="shop",
        secrets=(SECRET,),
    )


def test_a_delivery_set_aside_is_replayed_once_it_can_be_read(doors: Doors):
    # Refused by the time, which an operator's clock may have had wrong; later it can be read.
    doors.now = NOW - 30 * 86_400_000_000
    assert doors.shopify("orders/paid", PAID).status_code == 422
    with doors.database.ledger(0) as connection:
        (kept,) = refused.listed(connection, TENANT)
        connection.execute("UPDATE refused_delivery SET reason = 'of an older version'")
        still = refused.replay(connection, kept, shopify(), KEY, NOW)
        assert isinstance(still, PostRefusedError)
        assert [each.reason for each in refused.listed(connection, TENANT)] == [str(still)]
        connection.execute("UPDATE refused_delivery SET refused_at = %s", (NOW,))
        (kept,) = refused.listed(connection, TENANT)
        done = refused.replay(connection, kept, shopify(), KEY, NOW)
        assert not isinstance(done, PostRefusedError)
        assert (done.accepted, done.repeated) == (1, 0)
        assert refused.listed(connection, TENANT) == []
    assert len(doors.posted()) == 1


def test_what_is_kept_can_be_opened_under_its_own_key_alone(doors: Doors):
    doors.shopify("orders/paid", b"{}")
    with doors.database.ledger(0) as connection:
        (kept,) = refused.listed(connection, TENANT)
    assert refused.opened(kept, shopify(), KEY).body == b"{}"
    with pytest.raises(refused.SealedError, match="another identifier_key"):
        refused.opened(kept, shopify(), b"another tenant's key")


def test_too_many_refused_deliveries_of_a_webhook_are_not_kept(doors: Doors):
    with doors.database.ledger(0) as connection:
        connection.execute(
            "INSERT INTO refused_delivery (tenant, webhook, delivery, reason, sealed, refused_at)"
            " SELECT %s, 'orders', n::text, '', '', 0 FROM generate_series(1, %s) AS n",
            (TENANT, refused.KEPT_PER_WEBHOOK_MAX),
        )
    answer = doors.shopify("orders/paid", b"{}")
    assert (answer.status_code, "too many" in answer.json["error"]["message"]) == (422, True)
    with doors.database.ledger(0) as connection:
        assert refused.forget_old(connection, 5_000) == refused.KEPT_PER_WEBHOOK_MAX


@pytest.mark.parametrize(
    ("amount", "currency", "wanted"),
    [
        ("19.90", "CNY", 1990),
        ("1000", "JPY", 1000),
        ("1.234", "KWD", 1234),
        ("-30.00", "EUR", -3000),
    ],
)
def test_amounts_are_in_the_smallest_unit_of_their_currency(
    amount: str, currency: str, wanted: int
):
    assert cents(amount, currency, "total") == wanted


@pytest.mark.parametrize("content", [b"", b"short", b"a" * 20 + b"\n" + b"b" * 20 + b"\nc" * 20])
def test_a_file_without_a_good_secret_is_named(tmp_path, content: bytes):
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SecretError, match="secret"):
        read_secrets(file)
    with pytest.raises(SecretError, match="cannot be read"):
        read_secrets(tmp_path / "none")
