import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloud_sync.cloud import Cloud
from cloud_sync.database import Database
from cloud_sync.decisions.coupons import LEASE_S, conflicts
from cloud_sync.decisions.decide import decide
from cloud_sync.fleet.twins import SILENT_S, born, died
from cloud_sync.intake import ledger
from cloud_sync.intake.api_keys import create_key
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.fold import fold
from cloud_sync.shoppers.profiles.profile import set_members_consent
from cloud_sync.web.app import create_app
from tests.shopper_builders import DAY, KEY, TENANT, happened, member, order, sell_sample
from wire.events import Arrival, CouponRedeemed, Viewed
from wire.messages import Birth, Death
from wire.topics import shard_of
from wire.views import decode_view

TEA, POT = "6901234000016", "6901234000115"
NOW = time.time_ns() // 1000
MINUTE = 60_000_000
WEB_SHARD = shard_of(TENANT, "web-shop")
M1 = [{"kind": "member", "value": "M1"}]
_ids = count(1)


@dataclass
class Api:
    """The API as a web shop reaches it, over a real database; time stands still at `now`."""

    database: Database
    client: FlaskClient
    key: str
    now: int = NOW
    folded: int = 0

    def post(self, path: str, body: object, key: str | None = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key if key is None else key}"}
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.client.post(path, data=data, headers=headers)

    def shopper(self, identifiers: object = M1) -> dict:
        answer = self.post("/v1/shopper", {"identifiers": identifiers})
        assert answer.status_code == 200, answer.text
        return answer.json

    def redeem(self, coupon: str, order: str = "w-1", event_id: str = "", who: object = M1):
        event_id = event_id or f"redeem-{next(_ids)}"
        body = {"identifiers": who, "order": order, "event_id": event_id}
        return self.post(f"/v1/coupons/{coupon}/redeem", body)

    def fold(self, *events: LedgerEvent) -> dict[str, object]:
        """Fold events of stores and what the web shop posted; return what s0001 was told."""
        told: dict[str, object] = {}
        with self.database.ledger(WEB_SHARD) as connection:
            posted = ledger.read(connection, WEB_SHARD, self.folded)
            self.folded = posted[-1].position if posted else self.folded
            for event in (*events, *posted):
                touched = fold(connection, event.shard, 1, [event]).live
                shoppers = {shopper for _, shopper in touched}
                for each in decide(connection, TENANT, shoppers, self.now):
                    if each.store == "s0001" and each.change.value is not None:
                        told[each.change.key] = decode_view(each.change.value)
        return told

    def with_coupon(self) -> str:
        """Let M1 have looked at tea online and come to s0001, which holds the lease."""
        self.fold(browsed("M1", TEA), happened(Arrival(), member("M1"), at=NOW))
        (coupon,) = self.shopper()["coupons"]
        return coupon["coupon"]

    def online(self, online: bool, store: str = "s0001") -> None:
        with self.database.ledger(0) as connection:
            birth = Birth(stream=b"s" * 16, session=1, nonce=b"n", head=1, watermark=0, applied=0)
            born(connection, TENANT, store, birth, self.now)
            if not online:
                died(connection, TENANT, store, Death(session=1), self.now)


def browsed(code: str, product: str) -> LedgerEvent:
    return happened(Viewed(product=product), member(code), store=None, at=NOW - MINUTE)


@pytest.fixture
def api(cloud_dsn: str) -> Iterator[Api]:
    database = Database(cloud_dsn)
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
        key = create_key(connection, TENANT, "shop")
    made = Api(database=database, client=FlaskClient(None), key=key)
    cloud = Cloud(database=database, identifier_keys={TENANT: KEY}, now=lambda: made.now)
    made.client = create_app(cloud).test_client()
    yield made
    database.close()


def test_a_shop_sees_the_coupon_with_its_reason_and_no_lease(api: Api):
    api.with_coupon()
    view = api.shopper()
    (coupon,) = view["coupons"]
    assert (view["known"], view["consented"], view["stage"]) == (True, True, "awareness")
    assert (coupon["product"], coupon["percent"], coupon["state"]) == (TEA, 10, "offered")
    assert coupon["because"]["reason"] == "viewed_online"
    assert coupon["because"]["product"] == TEA
    assert set(coupon["title"]) == {"zh", "en"}
    assert coupon["expires_at"] == NOW + 14 * DAY
    assert "lease" not in coupon


def test_a_shop_sees_recommendations_with_reasons_and_what_was_saved(api: Api):
    crowd = [happened(order(TEA, POT), member(f"X{n}"), at=NOW) for n in range(3)]
    api.fold(*crowd, browsed("M1", TEA))
    view = api.shopper()
    assert view["recommended"][0]["product"] == POT
    assert view["recommended"][0]["because"]["reason"] == "bought_together"


def test_who_has_not_consented_gets_an_empty_view_that_says_so(api: Api):
    api.with_coupon()
    with api.database.shopper(TENANT) as connection:
        set_members_consent(connection, TENANT, consent=False)
    view = api.shopper()
    assert (view["known"], view["consented"]) == (True, False)
    assert view["because"]["reason"] == "no_consent"
    assert (view["coupons"], view["recommended"], view["saved"]) == ([], [], [])


def test_without_consent_nothing_is_redeemed(api: Api):
    coupon = api.with_coupon()
    with api.database.shopper(TENANT) as connection:
        set_members_consent(connection, TENANT, consent=False)
    assert api.redeem(coupon).status_code == 404


def test_whom_nobody_knows_gets_an_anonymous_empty_view(api: Api):
    view = api.shopper([{"kind": "web", "value": "never seen"}])
    assert (view["shopper"], view["known"], view["coupons"]) == ("", False, [])


def test_a_cookie_joined_to_a_member_shows_what_is_the_members(api: Api):
    cookie = {"kind": "web", "value": "c0ffee"}
    event = {
        "event_id": "v1",
        "kind": "viewed",
        "occurred_at": NOW - MINUTE,
        "identifiers": [cookie, *M1],
        "body": {"product": TEA},
    }
    assert api.post("/v1/events", {"events": [event]}).json == {"accepted": 1, "repeated": 0}
    api.fold()
    assert api.shopper([cookie])["coupons"] == api.shopper()["coupons"] != []


def test_the_strongest_identifier_counts_and_asking_joins_nobody(api: Api):
    coupon = api.with_coupon()
    other = [{"kind": "web", "value": "somebody else's"}, *M1]
    assert api.shopper(other)["coupons"][0]["coupon"] == coupon
    assert not api.shopper(other[:1])["known"]


def test_a_coupon_redeemed_online_is_gone_from_the_kiosk_and_used_in_the_shop(api: Api):
    coupon = api.with_coupon()
    api.online(True)
    answer = api.redeem(coupon)
    assert (answer.status_code, answer.json["repeated"]) == (200, False)
    assert api.shopper()["coupons"][0]["state"] == "redeemed"
    told = api.fold()
    assert told[member("M1").key].coupons == ()


def test_a_repeated_request_redeems_nothing_twice(api: Api):
    coupon = api.with_coupon()
    api.online(True)
    first = api.redeem(coupon, "w-1", "e-1")
    again = api.redeem(coupon, "w-1", "e-1")
    assert (first.json["repeated"], again.json["repeated"]) == (False, True)
    api.fold()
    assert api.redeem(coupon, "w-1", "e-1").json["repeated"] is True
    with api.database.ledger(WEB_SHARD) as connection:
        events = [each.event for each in ledger.read(connection, WEB_SHARD, 0)]
        (used,) = [each for each in events if isinstance(each.body, CouponRedeemed)]
        assert used.brand == api.shopper()["coupons"][0]["brand"] != ""
        assert conflicts(connection, TENANT) == []


def test_a_second_order_is_refused_before_the_first_is_folded(api: Api):
    coupon = api.with_coupon()
    api.online(True)
    assert api.redeem(coupon, "w-1").status_code == 200
    second = api.redeem(coupon, "w-2")
    assert (second.status_code, second.json["error"]["reason"]) == (409, "redeemed")


def test_of_many_requests_at_once_one_redeems(api: Api):
    coupon = api.with_coupon()
    api.online(True)
    ready = threading.Barrier(6)
    app = api.client.application

    def one(number: int) -> int:
        ready.wait()
        own = replace(api, client=app.test_client())
        return own.redeem(coupon, f"w-{number}").status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(one, range(6))) == [200, *[409] * 5]


def test_an_expired_coupon_is_refused(api: Api):
    coupon = api.with_coupon()
    api.now = NOW + 15 * DAY
    answer = api.redeem(coupon)
    assert (answer.status_code, answer.json["error"]["reason"]) == (409, "expired")


def test_somebody_elses_coupon_is_none(api: Api):
    coupon = api.with_coupon()
    api.fold(happened(Arrival(), member("M2"), at=NOW))
    other = [{"kind": "member", "value": "M2"}]
    assert api.redeem(coupon, who=other).status_code == 404
    assert api.redeem("0" * 20).status_code == 404
    assert api.redeem("%00%27%3B--").status_code == 404
    assert api.redeem(coupon, who=[{"kind": "member", "value": "M404"}]).status_code == 404


def test_a_coupon_that_an_offline_store_may_redeem_is_held_until_its_lease_ends(api: Api):
    coupon = api.with_coupon()
    api.online(False)
    answer = api.redeem(coupon)
    assert (answer.status_code, answer.json["error"]["reason"]) == (409, "held")
    assert answer.json["error"]["store"] == "s0001"
    assert api.shopper()["coupons"][0]["held_by"] == "s0001"
    api.now = NOW + LEASE_S * 1_000_000
    assert api.shopper()["coupons"][0]["held_by"] == ""
    assert api.redeem(coupon).status_code == 200


def test_a_store_that_has_fallen_silent_counts_as_offline(api: Api):
    coupon = api.with_coupon()
    api.online(True)
    api.now = NOW + (SILENT_S + 1) * 1_000_000
    assert api.redeem(coupon).json["error"]["reason"] == "held"


def test_a_redemption_in_the_store_in_the_same_moment_is_reported_as_a_conflict(api: Api):
    coupon = api.with_coupon()
    api.online(True)
    assert api.redeem(coupon, "w-1").status_code == 200
    api.fold(happened(CouponRedeemed(coupon=coupon, order="t-9"), member("M1"), at=NOW))
    with api.database.ledger(0) as connection:
        (conflict,) = conflicts(connection, TENANT)
    assert {each.order for each in conflict.redemptions} == {"w-1", "t-9"}


def test_an_event_id_of_another_event_redeems_nothing(api: Api):
    coupon = api.with_coupon()
    api.online(True)
    event = {"event_id": "e-9", "kind": "searched", "occurred_at": NOW, "body": {"query": "tea"}}
    api.post("/v1/events", {"events": [event]})
    answer = api.redeem(coupon, "w-1", "e-9")
    assert (answer.status_code, answer.json["error"]["reason"]) == (409, "event_id")
    assert api.redeem(coupon, "w-1", "e-10").status_code == 200


WRONG_QUESTIONS = (
    (b"{", "$"),
    (b"\xff", "$"),
    (b"[" * 100_000, "$"),
    ({}, "$"),
    ({"identifiers": []}, "identifiers"),
    ({"identifiers": [{"kind": "member"}]}, "identifiers[0]"),
    ({"identifiers": [{"kind": "kiosk", "value": "k1"}]}, "identifiers[0]"),
    ({"identifiers": [{"kind": "member", "value": 7}]}, "identifiers[0].value"),
    ({"identifiers": M1, "more": 1}, "$"),
)


def test_a_question_that_is_wrong_is_told_its_field(api: Api):
    for body, field in WRONG_QUESTIONS:
        answer = api.post("/v1/shopper", body)
        assert answer.status_code == 400
        assert field in [each["field"] for each in answer.json["error"]["fields"]]


def test_a_redemption_names_order_and_event_id(api: Api):
    for missing in ("order", "event_id"):
        body = {"identifiers": M1, "order": "w-1", "event_id": "e"}
        del body[missing]
        answer = api.post("/v1/coupons/0123/redeem", body)
        assert answer.status_code == 400
        assert missing in answer.text


def test_nothing_is_answered_without_a_key(api: Api):
    for path in ("/v1/events", "/v1/shopper", "/v1/coupons/x/redeem"):
        assert api.post(path, {"identifiers": M1}, key="sbk.acme.0.0").status_code == 401
