"""The API about shoppers, and the description of the whole API, which says what is true."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloud_sync.cloud import Cloud
from cloud_sync.database import Database
from cloud_sync.decisions.decide import decide
from cloud_sync.intake.api_keys import create_key
from cloud_sync.web.app import create_app
from cloud_sync.web.openapi import OPERATIONS, describe
from tests.shopper_builders import (
    KEY,
    NOW,
    TENANT,
    app,
    fold_all,
    happened,
    member,
    order,
    sell_sample,
    web,
)
from wire.events import Arrival, Saved, Viewed
from wire.identifiers import identifier_id

ANNA, PHONE, COOKIE = member("M1"), app("a1"), web("c1")
ANNAS, COOKIES = identifier_id(ANNA), identifier_id(COOKIE)
TEA = "6901234000016"


@dataclass
class Desk:
    """The API as those reach it who answer shoppers' questions."""

    database: Database
    client: FlaskClient
    keys: Mapping[str, str]

    def ask(self, path: str, body: object = None, *, key: str = "desk") -> TestResponse:
        headers = {"Authorization": f"Bearer {self.keys[key]}"}
        if body is None:
            return self.client.get(path, headers=headers)
        return self.client.post(path, data=json.dumps(body), headers=headers)

    def told(self, path: str, body: object = None) -> Any:
        answer = self.ask(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.fixture
def desk(cloud_dsn: str) -> Iterator[Desk]:
    database = Database(cloud_dsn)
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
        events = [
            happened(Arrival(), ANNA, PHONE),
            happened(Saved(product=TEA), ANNA),
            happened(order("6901234000023"), ANNA),
            happened(Viewed(product=TEA), COOKIE, store=None),
            happened(Arrival(), member("M1"), tenant="other"),
        ]
        fold_all(connection, events)
        decide(connection, TENANT, [ANNAS], NOW)
        keys = {
            "desk": create_key(connection, TENANT, "desk", about_shoppers=True),
            "shop": create_key(connection, TENANT, "shop"),
            "other": create_key(connection, "other", "desk", about_shoppers=True),
        }
    keyed = {TENANT: KEY, "other": b"another tenant's own key"}
    cloud = Cloud(database=database, identifier_keys=keyed, now=lambda: NOW)
    yield Desk(database=database, client=create_app(cloud).test_client(), keys=keys)
    database.close()


def test_a_shopper_is_found_shown_and_explained(desk: Desk):
    plain = [{"kind": "member", "value": "M-1"}, {"kind": "web", "value": "nobody's"}]
    found = desk.told("/v1/shoppers/find", {"identifiers": plain})
    assert [each["shopper"] for each in found["shoppers"]] == [ANNAS, None]
    shown = desk.told(f"/v1/shoppers/{identifier_id(PHONE)}")
    assert (shown["shopper"], shown["stage"], shown["saved"]) == (ANNAS, "purchase", [TEA])
    explained = desk.told(f"/v1/shoppers/{ANNAS}/explanation")
    (link,) = [link for each in explained["identifiers"] for link in each["links"]]
    assert (link["with"]["id"], link["evidence"], link["times"]) == (ANNAS, "arrival", 1)
    assert [each["because"]["reason"] for each in explained["offers"]] == ["saved"]


def test_what_is_said_over_the_api_is_in_the_log_under_the_keys_name(desk: Desk):
    why = {"because": "she called"}
    joined = desk.told(f"/v1/shoppers/{ANNAS}/join", {"other": COOKIES, **why})
    assert joined["shoppers"] == {ANNAS: ANNAS, COOKIES: ANNAS}
    word = desk.told(f"/v1/shoppers/{ANNAS}/explanation")["said"][0]
    assert (word["because"], word["source"].split("/")[0]) == ("she called", "desk")
    split = desk.told(f"/v1/shoppers/{ANNAS}/split", {"identifiers": [COOKIES], **why})
    assert split["shoppers"] == {ANNAS: ANNAS, COOKIES: COOKIES}
    again = desk.ask(f"/v1/shoppers/{ANNAS}/split", {"identifiers": [COOKIES]})
    assert (again.status_code, "not all identifiers" in again.text) == (409, True)


def test_only_a_key_that_may_asks_about_shoppers_and_only_of_its_tenant(desk: Desk):
    path = f"/v1/shoppers/{ANNAS}"
    assert desk.client.get(path).status_code == 401
    assert desk.ask(path, key="shop").status_code == 403
    assert desk.ask(f"{path}/join", {"other": COOKIES}, key="shop").status_code == 403
    assert desk.ask(f"/v1/shoppers/{COOKIES}", key="other").status_code == 404
    # The same code keyed for both has one id in each, and each sees its own alone.
    assert desk.ask(path, key="other").json["identifiers"] == [{"id": ANNAS, "kind": "member"}]
    refused = desk.ask(f"{path}/join", {"other": COOKIES}, key="other")
    assert (refused.status_code, "no event ever showed" in refused.text) == (409, True)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/shoppers/M1", None, 404),
        (f"/v1/shoppers/{'0' * 32}", None, 404),
        (f"/v1/shoppers/{ANNAS}/join", {"other": "M1"}, 400),
        (f"/v1/shoppers/{ANNAS}/join", {"other": ANNAS}, 409),
        (f"/v1/shoppers/{ANNAS}/split", {"identifiers": []}, 400),
        ("/v1/shoppers/find", {"identifiers": [{"kind": "kiosk", "value": "k1"}]}, 400),
    ],
)
def test_what_cannot_be_is_refused_in_words(desk: Desk, path: str, body: object, status: int):
    answer = desk.ask(path, body)
    assert answer.status_code == status
    assert_valid(answer.json, "Refusal")


def test_every_route_is_described_and_nothing_else_is(desk: Desk):
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in desk.client.application.url_map.iter_rules()
        if rule.rule.startswith("/v1/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert routes == set(OPERATIONS)


def test_the_description_is_whole(desk: Desk):
    served = desk.client.get("/v1/openapi.json").json
    assert served == json.loads(json.dumps(describe()))
    assert served["openapi"].startswith("3.1.")
    ids = [each["operationId"] for path in served["paths"].values() for each in path.values()]
    assert len(ids) == len(set(ids))
    named = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(served)))
    assert named <= served["components"]["schemas"].keys()
    for path, operations in served["paths"].items():
        for each in operations.values():
            declared = {one["name"] for one in each.get("parameters", [])}
            assert declared == set(re.findall(r"{(\w+)}", path))


def test_what_is_answered_is_as_described(desk: Desk):
    named = {"identifiers": [{"kind": "member", "value": "M1"}]}
    assert_valid(desk.told("/v1/shopper", named), "ChannelView")
    assert_valid(desk.told("/v1/shoppers/find", named), "FoundShoppers")
    assert_valid(desk.told(f"/v1/shoppers/{ANNAS}"), "Shopper")
    join = {"other": COOKIES, "because": "x"}
    assert_valid(join, "AskedToJoin")
    assert_valid(desk.told(f"/v1/shoppers/{ANNAS}/join", join), "Said")
    assert_valid(desk.told(f"/v1/shoppers/{ANNAS}/explanation"), "Explanation")
    events = {
        "events": [
            {
                "event_id": "e1",
                "kind": "viewed",
                "occurred_at": NOW,
                "identifiers": named["identifiers"],
                "body": {"product": TEA},
            }
        ]
    }
    assert_valid(events, "Events")
    assert_valid(desk.told("/v1/events", events), "Accepted")


def test_a_post_that_is_not_as_described_is_refused(desk: Desk):
    wrong = {"events": [{"event_id": "e1", "kind": "dwell", "occurred_at": NOW}]}
    with pytest.raises(AssertionError):
        assert_valid(wrong, "Events")
    assert_valid(desk.ask("/v1/events", wrong).json, "Refusal")


def assert_valid(value: Any, schema: str) -> None:
    """Check a value against a schema of the description, with the parts of JSON Schema it uses."""
    _check(value, {"$ref": f"#/components/schemas/{schema}"}, schema)


TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


def _check(value: Any, schema: Mapping[str, Any], at: str) -> None:
    if "$ref" in schema:
        schema = describe()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        assert any(_fits(value, each, at) for each in schema["anyOf"]), f"{at}: fits none"
        return
    if "enum" in schema:
        assert value in schema["enum"], f"{at}: {value!r} is none of {schema['enum']}"
    kinds = schema.get("type", [])
    allowed = tuple(TYPES[each] for each in ([kinds] if isinstance(kinds, str) else kinds))
    assert not allowed or type(value) in allowed, f"{at}: {value!r} is no {kinds}"
    if isinstance(value, str) and "pattern" in schema:
        assert re.search(schema["pattern"], value), f"{at}: {value!r}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", {})
        assert set(schema.get("required", [])) <= value.keys(), f"{at}: {value.keys()}"
        assert others is not False or value.keys() <= properties.keys(), f"{at}: {value.keys()}"
        for name, each in value.items():
            _check(each, properties.get(name) or others or {}, f"{at}.{name}")
    if isinstance(value, list):
        for number, each in enumerate(value):
            _check(each, schema.get("items", {}), f"{at}[{number}]")


def _fits(value: Any, schema: Mapping[str, Any], at: str) -> bool:
    try:
        _check(value, schema, at)
    except AssertionError:
        return False
    return True
