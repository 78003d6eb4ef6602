"""A number that somebody typed is a claim: it joins nobody before a code proved it."""

import json
import time
from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from cloud_sync.channels import claims
from cloud_sync.channels.claims import CLAIMS_PER_HOUR_MAX, TRIES_MAX
from cloud_sync.cloud import Cloud
from cloud_sync.intake.api_keys import create_key
from cloud_sync.web.app import create_app
from tests.doors import Doors, doors_of
from tests.shopper_builders import KEY, TENANT

PHONE = "139 1234 5678"
WEB = [{"kind": "web", "value": "c0ffee"}]


@pytest.fixture
def doors(cloud_dsn: str) -> Iterator[Doors]:
    with doors_of(cloud_dsn) as made:
        made.now = time.time_ns() // 1000
        cloud = Cloud(database=made.database, identifier_keys={TENANT: KEY}, now=lambda: made.now)
        with made.database.shopper(TENANT) as connection:
            made.client = create_app(cloud).test_client()
            made.client.environ_base["HTTP_AUTHORIZATION"] = (
                f"Bearer {create_key(connection, TENANT, 'shop')}"
            )
        yield made


def post(doors: Doors, path: str, **body: object) -> TestResponse:
    return doors.client.post(f"/v1{path}", data=json.dumps(body))


def claim(doors: Doors, value: str = PHONE) -> dict[str, str]:
    answer = post(doors, "/claims", kind="phone", value=value, identifiers=WEB)
    assert answer.status_code == 200, answer.text
    return answer.json


def prove(doors: Doors, claimed: dict[str, str], code: str | None = None) -> TestResponse:
    code = claimed["code"] if code is None else code
    return post(doors, f"/claims/{claimed['claim']}/prove", code=code)


def wrong(claimed: dict[str, str]) -> str:
    return f"{(int(claimed['code']) + 1) % 10**6:06}"


def viewed(doors: Doors, *identifiers: dict[str, str]) -> None:
    event = {
        "event_id": "e1",
        "kind": "viewed",
        "occurred_at": doors.now,
        "identifiers": identifiers,
        "body": {"product": "p"},
    }
    assert post(doors, "/events", events=[event]).status_code == 200
    doors.fold()


def test_a_typed_number_joins_nobody_until_its_code_proves_it(doors: Doors):
    viewed(doors, *WEB, {"kind": "claimed_phone", "value": PHONE})
    with pytest.raises(KeyError):
        doors.key_of("phone", PHONE)
    claimed = claim(doors)
    doors.fold()
    with pytest.raises(KeyError):
        doors.key_of("phone", PHONE)
    assert prove(doors, claimed).json == {"proven": True}
    doors.fold()
    assert doors.key_of("phone", "+8613912345678") == doors.key_of("web", "c0ffee")
    # What was done under the cookie before is the shopper's now.
    assert doors.profile("phone", PHONE).products["p"].views == 1


def test_a_typed_number_opens_nobodys_coupons(doors: Doors):
    answer = post(doors, "/shopper", identifiers=[{"kind": "claimed_phone", "value": PHONE}])
    (field,) = answer.json["error"]["fields"]
    assert (answer.status_code, field["field"]) == (400, "identifiers[0]")


def test_a_code_proves_once_and_a_repeat_changes_nothing(doors: Doors):
    claimed = claim(doors)
    for _ in range(2):
        assert prove(doors, claimed).status_code == 200
    assert [each.event.kind for each in doors.posted()] == ["identified"]


def test_a_wrong_code_proves_nothing_and_five_end_the_claim(doors: Doors):
    claimed = claim(doors)
    for left in range(TRIES_MAX - 1, 0, -1):
        answer = prove(doors, claimed, wrong(claimed))
        assert (answer.status_code, answer.json["error"]["left"]) == (403, str(left))
    assert prove(doors, claimed, wrong(claimed)).status_code == 410
    assert prove(doors, claimed).status_code == 410
    assert doors.posted() == []


def test_a_code_holds_ten_minutes(doors: Doors):
    claimed = claim(doors)
    doors.now += claims.HOLDS_US
    assert prove(doors, claimed).status_code == 410


def test_the_code_of_one_claim_does_not_prove_another(doors: Doors):
    one, other = claim(doors), claim(doors)
    if one["code"] != other["code"]:
        assert prove(doors, other, one["code"]).status_code == 403
    assert post(doors, "/claims/none/prove", code="123456").status_code == 410


def test_nobody_is_flooded_with_codes(doors: Doors):
    for _ in range(CLAIMS_PER_HOUR_MAX):
        claim(doors)
    spelled = post(doors, "/claims", kind="phone", value="+8613912345678", identifiers=WEB)
    assert (spelled.status_code, spelled.headers["Retry-After"]) == (429, "3601")
    claim(doors, "137 0013 7000")
    doors.now += 3_601_000_000
    claim(doors)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "member", "value": "M1", "identifiers": []}, "kind"),
        ({"kind": "phone", "value": "12", "identifiers": []}, "identifiers[0]"),
        (
            {"kind": "phone", "value": PHONE, "identifiers": [{"kind": "kiosk", "value": "k"}]},
            "identifiers[0]",
        ),
    ],
)
def test_a_claim_that_is_none_names_its_field(doors: Doors, body: dict[str, object], field: str):
    answer = post(doors, "/claims", **body)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json["error"]["fields"]] == [field]


def test_neither_code_nor_number_lies_in_the_database(doors: Doors):
    claimed = claim(doors)
    prove(doors, claimed)
    with doors.database.shopper(TENANT) as connection:
        rows = connection.execute(
            "SELECT claim::text FROM claim UNION ALL SELECT ledger::text FROM ledger"
        ).fetchall()
        doors.now += claims.KEPT_US
        connection.execute("UPDATE claim SET made_at = made_at - %s", (claims.KEPT_US + 1_000_000,))
        assert claims.forget_old(connection, 10) == 1
    text = "".join(row for (row,) in rows)
    for plain in ("13912345678", claimed["code"]):
        for form in (plain, plain.encode().hex()):
            assert form not in text.replace(claimed["claim"], "")
