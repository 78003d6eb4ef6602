"""The review queue as people and programs reach it: a page, an API, commands."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner

from cloud_sync.cloud import Cloud
from cloud_sync.console import people
from cloud_sync.console.waterfall import WIDTH, picture_of
from cloud_sync.database import Database
from cloud_sync.identity.linkage.confidence import Confidence
from cloud_sync.identity.linkage.waterfall import Step, Waterfall
from cloud_sync.intake.api_keys import create_key
from cloud_sync.review import proposals, records
from cloud_sync.review.proposals import Limits
from cloud_sync.review.records import PersonRecord
from cloud_sync.shoppers.graph.identity import shoppers_of
from cloud_sync.web.app import create_app
from storebridge.cli import app
from tests.shopper_builders import KEY, NOW, TENANT, email, fold_all, happened, member
from wire.events import Arrival
from wire.identifiers import identifier_id

PASSWORD = "correct horse battery"
ANNA, SHOP = member("M1"), email("anna@example.org")
TWINS = tuple(sorted((identifier_id(ANNA), identifier_id(SHOP))))
WHY = Waterfall(
    one="a/club",
    other="b/shop",
    prior_bits=-12.0,
    steps=[
        Step(comparison="name", level=5, found="shared words tell 16 to 20 bits; none is left over",
             bits=18.0),
        Step(comparison="birth_date", level=9, found="different", bits=-3.0),
        Step(comparison="phone", level=4, found="not said by both", bits=0.0),
    ],
    bits=3.0,
    chance=0.97,
)  # fmt: skip


@dataclass
class Office:
    """Headquarters with one proposal: who looks at it, and by what."""

    dsn: str
    database: Database
    client: FlaskClient
    keys: dict[str, str]
    proposal: str

    def sign_in(self, name: str) -> None:
        form = {"tenant": TENANT, "name": name, "password": PASSWORD}
        assert self.client.post("/hq/sign-in", data=form).status_code == 303

    def ask(self, method: str, path: str, key: str = "desk", body: str = "{}"):
        headers = {"Authorization": f"Bearer {self.keys[key]}"}
        return self.client.open(path, method=method, headers=headers, data=body)

    def shoppers(self) -> set[str]:
        with self.database.shopper(TENANT) as connection:
            return set(shoppers_of(connection, [(TENANT, each) for each in TWINS]).values())


@pytest.fixture
def office(cloud_dsn: str) -> Iterator[Office]:
    database = Database(cloud_dsn)
    said = {"name": "Anna <b>Abernathy</b>", "birth_date": "1980-01-02", "city": "Ashford"}
    with database.shopper(TENANT) as connection:
        people.add_person(connection, TENANT, "li", PASSWORD, reviews=True)
        people.add_person(connection, TENANT, "wu", PASSWORD)
        people.add_person(connection, TENANT, "north", PASSWORD, operator="north", reviews=True)
        fold_all(connection, [happened(Arrival(), ANNA), happened(Arrival(), SHOP)])
        kept = [
            PersonRecord(identifier=ANNA, source="club", said=said),
            PersonRecord(identifier=SHOP, source="shop", said={**said, "birth_date": "1981-01-02"}),
        ]
        records.keep(connection, TENANT, KEY, kept, NOW)
        because = {
            "waterfall": WHY.as_json(),
            "against": ["member"],
            "worth": {
                "currency": "CNY",
                "half_life_days": 180,
                "sides": [{"kept_cents": 4200, "days_since": 3}],
            },
        }
        proposals.propose(
            connection, TENANT, TWINS, Confidence.STRICT, 0.97, 4074, because, NOW
        )  # fmt: skip
        (held,) = proposals.today(connection, TENANT, NOW).proposals
        keys = {
            "desk": create_key(connection, TENANT, "desk", about_shoppers=True),
            "shop": create_key(connection, TENANT, "shop"),
            "other": create_key(connection, "other", "desk", about_shoppers=True),
        }
    cloud = Cloud(
        database=database,
        identifier_keys={TENANT: KEY, "other": b"another tenant's own key"},
        secure=False,
        now=lambda: NOW,
    )
    yield Office(cloud_dsn, database, create_app(cloud).test_client(), keys, held.proposal)
    database.close()


def token_of(page: str) -> str:
    return re.findall(r'name="csrf" value="([^"]+)"', page)[-1]


def test_a_reviewer_sees_both_records_with_the_waterfall_and_decides(office: Office):
    office.sign_in("li")
    shown = office.client.get("/hq/reviews?language=en").text
    assert (office.proposal in shown, f"{Limits().days} days" in shown) == (True, True)
    path = f"/hq/reviews/{office.proposal}"
    page = office.client.get(f"{path}?language=en").text
    assert page.count("Anna &lt;b&gt;Abernathy&lt;/b&gt;") == 2
    assert "1981-01-02" in page
    assert page.count("<rect ") == len(WHY.steps) - 1 + 2
    assert "shared words tell 16 to 20 bits" in page
    assert "共有的词值 16 至 20 比特; 没有多余的词" in office.client.get(f"{path}?language=zh").text
    form = {"answer": "join", "because": "she called"}
    assert office.client.post(path, data={**form, "csrf": "forged"}).status_code == 403
    assert len(office.shoppers()) == 2
    done = office.client.post(path, data={**form, "csrf": token_of(page)})
    assert (done.status_code, done.location) == (303, "/hq/reviews")
    assert office.shoppers() == {TWINS[0]}
    joined = office.client.get("/hq/reviews?language=en&state=joined").text
    assert (office.proposal in joined, "hq/li" in joined) == (True, True)
    again = office.client.post(path, data={**form, "csrf": token_of(page)})
    assert (again.status_code, "decided so before, by hq/li" in again.text) == (409, True)
    undone = office.client.post(path, data={"answer": "apart", "csrf": token_of(page)})
    assert undone.status_code == 303
    assert len(office.shoppers()) == 2


@pytest.mark.parametrize("name", ["wu", "north"])
def test_whoever_does_not_review_or_sees_a_part_alone_is_shown_nothing(office: Office, name: str):
    path = f"/hq/reviews/{office.proposal}"
    assert office.client.get(path).location == "/hq/sign-in"
    assert office.client.post(path, data={"answer": "join"}).location == "/hq/sign-in"
    office.sign_in(name)
    token = token_of(office.client.get("/hq/").text)
    asked = [
        office.client.get("/hq/reviews"),
        office.client.get(path),
        office.client.post(path, data={"answer": "join", "csrf": token}),
    ]
    assert [each.status_code for each in asked] == [404, 404, 404]
    assert "/hq/reviews" not in office.client.get("/hq/").text
    assert len(office.shoppers()) == 2


def test_the_api_lists_shows_and_decides_under_the_keys_name(office: Office):
    path = f"/v1/reviews/{office.proposal}"
    (listed,) = office.ask("GET", "/v1/reviews").json["proposals"]
    assert (listed["proposal"], listed["confidence"]) == (office.proposal, "strict")
    shown = office.ask("GET", path).json
    assert shown["records"][identifier_id(SHOP)][0]["said"]["birth_date"] == "1981-01-02"
    done = office.ask("POST", f"{path}/join", body='{"because": "she called"}')
    assert done.status_code == 200, done.text
    assert (done.json["state"], done.json["decided_because"]) == ("joined", "she called")
    assert re.fullmatch(r"desk/\w+", done.json["decided_by"])
    assert set(done.json["shoppers"].values()) == {TWINS[0]}
    assert office.ask("GET", "/v1/reviews").json["proposals"] == []
    assert len(office.ask("GET", "/v1/reviews?state=joined").json["proposals"]) == 1
    assert office.ask("POST", f"{path}/join").status_code == 409
    assert office.ask("POST", f"{path}/apart").json["state"] == "apart"


def test_the_api_lets_in_who_may_and_says_what_is_wrong(office: Office):
    path = f"/v1/reviews/{office.proposal}"
    assert office.client.get("/v1/reviews").status_code == 401
    assert office.ask("GET", "/v1/reviews", "shop").status_code == 403
    assert office.ask("GET", "/v1/reviews", "other").json["proposals"] == []
    assert office.ask("GET", path, "other").status_code == 404
    assert office.ask("POST", f"{path}/join", "other").status_code == 404
    assert office.ask("GET", "/v1/reviews?state=lost").status_code == 400
    assert office.ask("POST", f"{path}/join", body='{"why": 1}').status_code == 400
    assert len(office.shoppers()) == 2


def test_the_commands_list_show_and_decide(office: Office, tmp_path: Path):
    config = tmp_path / "cloud.toml"
    config.write_text(
        f'[database]\ndsn = "{office.dsn}"\n[tenants.{TENANT}]\nidentifier_key = "{KEY.hex()}"\n'
        '[broker]\nhost = "localhost"\nusername = "cloud"\npassword = "secret"\n'
    )

    def run(*words: str) -> tuple[int, dict[str, object]]:
        told = CliRunner().invoke(
            app, ["review", words[0], str(config), *words[1:], "--tenant", TENANT, "--json"]
        )
        return told.exit_code, json.loads(told.stdout)

    code, told = run("limits", "--a-day", "7")
    assert (code, told) == (0, {"a_day": 7, "days": 14})
    code, told = run("list")
    assert (code, told["a_day"]) == (0, 7)
    code, told = run("show", office.proposal)
    assert (code, set(told["records"])) == (0, set(TWINS))
    code, told = run("join", office.proposal, "--by", "li", "--because", "she called")
    assert (code, told["state"], told["decided_by"]) == (0, "joined", "li")
    assert office.shoppers() == {TWINS[0]}
    code, told = run("join", office.proposal, "--by", "li")
    assert (code, "before, by li" in told["error"]) == (2, True)
    code, told = run("apart", office.proposal, "--by", "li")
    assert (code, told["state"]) == (0, "apart")
    code, told = run("show", "nothing")
    assert (code, "no proposal 'nothing'" in told["error"]) == (2, True)
    code, told = run("list", "--state", "lost")
    assert (code, "expected one of open" in told["error"]) == (2, True)
    code, told = run("limits", "--days", "-1")
    assert (code, "1 to 10000" in told["error"]) == (2, True)


def test_the_bars_of_a_waterfall_begin_where_the_last_one_ended():
    bars = picture_of(WHY.as_json()).bars
    assert [(each.comparison, each.kind, each.bits) for each in bars] == [
        ("prior", "prior", -12.0),
        ("name", "for", 18.0),
        ("birth_date", "against", -3.0),
        ("sum", "sum", 3.0),
    ]
    scale = WIDTH / 18
    places = [0, 12, 0, 18, 15, 3, 12, 3]
    found = [place for each in bars for place in (each.x, each.width)]
    assert found == pytest.approx([place * scale for place in places], abs=0.1)
