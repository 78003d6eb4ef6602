"""What browsers tell: harmless kinds alone, from the shop's own pages, at a pace, and once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from cloud_sync.channels.pace import REMEMBERED_MAX, Pace
from cloud_sync.channels.site_pages import BROWSER_BURST, SCRIPT
from cloud_sync.channels.sites import Site
from cloud_sync.cloud import Cloud
from cloud_sync.web.app import create_app
from tests.doors import NOW, Doors, doors_of
from tests.shopper_builders import DAY, KEY, TENANT
from wire.events import PageShown, Saved, Searched, Viewed, Watched

ORIGIN = "https://shop.example"
TEA = "6901234000016"
SITE = Site(name="maru", tenant=TENANT, source="shop", origins=frozenset({ORIGIN}))


@pytest.fixture
def doors(cloud_dsn: str) -> Iterator[Doors]:
    with doors_of(cloud_dsn) as made:
        cloud = Cloud(
            database=made.database,
            identifier_keys={TENANT: KEY},
            sites={"maru": SITE},
            now=lambda: made.now,
        )
        made.client = create_app(cloud).test_client()
        yield made


def event(kind: str, number: int = 1, at: float = NOW / 1000, **body: object) -> dict[str, object]:
    return {"id": f"e{number}", "kind": kind, "at": at, "body": body}


def told(doors: Doors, *events: object, origin: str = ORIGIN, **more: object) -> TestResponse:
    body = json.dumps({"web": "c0ffee", "events": events, **more})
    # As sendBeacon sends it: text, so that no browser has to ask before.
    headers = {"Origin": origin, "Content-Type": "text/plain;charset=UTF-8"}
    return doors.client.post("/v1/sites/maru/events", data=body, headers=headers)


def test_what_a_browser_tells_is_kept_once(doors: Doors):
    events = [
        event("page", 1, page="/goods"),
        event("viewed", 2, product=TEA, price_cents=8_800, currency="CNY"),
        event("searched", 3, query="tea", results=2),
        event("watched", 4, content="film", watched_ms=900, length_ms=1_000),
        event("saved", 5, product=TEA),
    ]
    answer = told(doors, *events)
    assert (answer.status_code, answer.json) == (200, {"accepted": 5, "repeated": 0})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert told(doors, *events).json == {"accepted": 0, "repeated": 5}
    assert [each.event.body for each in doors.posted()] == [
        PageShown("/goods"),
        Viewed(TEA, price_cents=8_800, currency="CNY"),
        Searched("tea", 2),
        Watched("film", 900, 1_000),
        Saved(TEA),
    ]


def test_whoever_lands_from_an_ad_is_joined_with_its_click(doors: Doors):
    told(doors, event("page", page="/", click="007210548a030059ccdfd1d4"))
    doors.fold()
    assert doors.key_of("web", "click:007210548a030059ccdfd1d4") == doors.key_of("web", "c0ffee")


@pytest.mark.parametrize("origin", ["", "https://evil.example", "http://shop.example"])
def test_pages_of_others_may_not_tell(doors: Doors, origin: str):
    answer = told(doors, event("page", page="/"), origin=origin)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert doors.posted() == []


def test_a_browser_that_asks_before_is_answered(doors: Doors):
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = doors.client.options("/v1/sites/maru/events", headers=headers)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Methods"]) == (204, "POST")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (event("purchased", order="o"), "events[0].kind"),
        (event("coupon_redeemed", coupon="c"), "events[0].kind"),
        (event("viewed", product=TEA, price_cents=-1), "events[0].body.price_cents"),
        (event("page", page="/", member="M1"), "events[0].body"),
        ({**event("page", page="/"), "identifiers": []}, "events[0]"),
        ({**event("page", page="/"), "id": "no space"}, "events[0].id"),
    ],
)
def test_what_could_do_harm_is_refused_by_its_field(doors: Doors, wrong: object, field: str):
    answer = told(doors, wrong)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json["error"]["fields"]] == [field]
    assert doors.posted() == []


def test_a_browser_names_nobody_but_itself(doors: Doors):
    answer = told(doors, event("page", page="/"), member="M1")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("at", "kept"), [(NOW + DAY, NOW), (NOW - 8 * DAY, NOW), (NOW - DAY, NOW - DAY), (1e30, NOW)]
)
def test_the_clock_of_a_browser_is_believed_for_a_week(doors: Doors, at: float, kept: int):
    told(doors, event("page", at=at / 1000, page="/"))
    assert doors.posted()[0].event.occurred_at == kept


def test_one_browser_that_tells_too_fast_holds_up_nobody_else(doors: Doors):
    for first in range(0, BROWSER_BURST, 50):
        many = [event("page", first + n, page="/") for n in range(50)]
        assert told(doors, *many).status_code == 200
    answer = told(doors, event("page", 999, page="/"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert told(doors, event("page", page="/"), web="another").status_code == 200
    doors.now += 1_000_000
    assert told(doors, event("page", 999, page="/")).status_code == 200


def test_the_pace_remembers_so_many_and_no_more():
    pace = Pace(burst=1, per_s=0.001)
    for number in range(REMEMBERED_MAX + 1):
        assert pace.take(str(number), 1, NOW) == 0
    assert pace.take(str(REMEMBERED_MAX), 1, NOW) > 900
    assert pace.take("0", 1, NOW) == 0


def test_the_script_is_small_ours_alone_and_served_to_other_origins(doors: Doors):
    answer = doors.client.get("/v1/storebridge.js")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert len(answer.data) == Path(SCRIPT).stat().st_size <= 4_096


def test_a_site_of_another_name_is_none(doors: Doors):
    answer = doors.client.post("/v1/sites/other/events", headers={"Origin": ORIGIN})
    assert answer.status_code == 403
