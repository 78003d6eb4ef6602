"""Members' tokens as the shopper's app gets them, and as a store that knows the key reads them."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloud_sync.cloud import Cloud
from cloud_sync.codes.code_keys import set_code_keys
from cloud_sync.codes.member_tokens import BURST, PACE_S, RENEW_BEFORE_S, TOKEN_LIFETIME_S
from cloud_sync.codes.signing_key import (
    SigningKeyError,
    make_signing_key,
    public_text,
    read_signing_key,
)
from cloud_sync.config import ConfigError, from_table
from cloud_sync.database import Database
from cloud_sync.intake.api_keys import create_key
from cloud_sync.web.app import create_app
from cloud_sync.workers.chores import CHORES, do_part, enlist
from edge_agent.codes.codes import Rules, understand
from tests.shopper_builders import KEY, TENANT
from wire.identifiers import key_identifier
from wire.signed import signers_of

NOW = 1_800_000_000_500_000
ANNA = key_identifier("member", "ANNA-1", key=KEY)


@dataclass
class App:
    """The API as the shopper's app reaches it; time stands still at `now`."""

    database: Database
    client: FlaskClient
    rules: Rules
    key: str
    now: int = NOW

    def ask(self, body: object = None, key: str | None = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key if key is None else key}"}
        body = {"member": "ANNA-1"} if body is None else body
        return self.client.post("/v1/member-tokens", json=body, headers=headers)


@pytest.fixture
def app(cloud_dsn: str, tmp_path: Path) -> Iterator[App]:
    database = Database(cloud_dsn)
    make_signing_key(tmp_path / "codes.pem")
    signing_key = read_signing_key(tmp_path / "codes.pem")
    with database.shopper(TENANT) as connection:
        set_code_keys(connection, TENANT, [public_text(signing_key)])
        key = create_key(connection, TENANT, "app", issues_tokens=True)
    cloud = Cloud(
        database=database,
        identifier_keys={TENANT: KEY},
        signing_keys={TENANT: signing_key},
        now=lambda: made.now,
    )
    rules = Rules(signers=signers_of([public_text(signing_key)]))
    made = App(database, create_app(cloud).test_client(), rules, key)
    yield made
    database.close()


def test_the_app_is_given_a_token_that_names_the_member_by_no_plain_code(app: App):
    given = app.ask().json
    code = understand(given["token"].encode(), app.rules)
    assert (code.kind, code.fault) == ("member", "")
    assert code.signed is not None
    assert code.signed.identifier == ANNA
    assert code.signed.is_token
    assert code.signed.lifetime_s == TOKEN_LIFETIME_S
    assert given["expires_at"] == (NOW // 1_000_000 + TOKEN_LIFETIME_S) * 1_000_000
    assert given["renew_at"] == given["expires_at"] - RENEW_BEFORE_S * 1_000_000


def test_no_two_tokens_are_the_same(app: App):
    assert app.ask().json["token"] != app.ask().json["token"]


def test_an_app_that_asks_in_a_loop_waits_and_others_do_not(app: App):
    assert [app.ask().status_code for _ in range(BURST)] == [200] * BURST
    refused = app.ask()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, str(PACE_S))
    assert app.ask({"member": "BOB-2"}).status_code == 200
    app.now += PACE_S * 1_000_000
    assert [app.ask().status_code for _ in range(2)] == [200, 429]
    app.now += BURST * PACE_S * 1_000_000
    assert [app.ask().status_code for _ in range(BURST + 1)] == [200] * BURST + [429]


def test_a_key_of_the_web_shop_opens_no_door(app: App):
    with app.database.shopper(TENANT) as connection:
        web = create_key(connection, TENANT, "web")
    assert app.ask(key=web).status_code == 403
    assert app.ask(key="sbk.acme.0.0").status_code == 401


def test_no_token_is_given_that_no_store_would_believe(app: App):
    with app.database.shopper(TENANT) as connection:
        set_code_keys(connection, TENANT, ["00" * 32])
    answer = app.ask()
    assert answer.status_code == 503
    assert "code-keys" in answer.json["error"]["message"]


def test_a_tenant_without_a_signing_key_is_told_what_to_set(app: App):
    cloud = Cloud(database=app.database, identifier_keys={TENANT: KEY})
    app.client = create_app(cloud).test_client()
    answer = app.ask()
    assert answer.status_code == 503
    assert f"tenants.{TENANT}.code_key" in answer.json["error"]["message"]


@pytest.mark.parametrize("body", [{}, {"member": ""}, {"member": 7}, {"member": "A", "x": 1}, []])
def test_a_wrong_question_is_told_its_field_and_costs_nothing(app: App, body: object):
    answer = app.ask(body)
    assert answer.status_code == 400
    assert answer.json["error"]["fields"]


def test_paces_are_forgotten_when_nothing_is_left_of_them(app: App):
    app.now = 1
    app.ask()
    chore = next(each for each in CHORES if each.name == "tokens")
    with psycopg.connect(app.database.dsn, autocommit=True) as connection:
        enlist(connection)
        assert do_part(connection, chore) == 1
        assert do_part(connection, chore) == 0
        app.now = 4_000_000_000_000_000
        app.ask()
        assert do_part(connection, chore) == 0


def test_a_signing_key_is_its_owners_alone_and_overwrites_nothing(tmp_path: Path):
    file = tmp_path / "codes.pem"
    public = make_signing_key(file)
    assert public_text(read_signing_key(file)) == public
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(SigningKeyError, match="name a new file"):
        make_signing_key(file)


def test_a_signing_key_that_is_none_is_named_with_all_else_that_is_wrong(tmp_path: Path):
    (tmp_path / "codes.pem").write_text("no key")
    tenants = {"acme": {"identifier_key": KEY.hex(), "code_key": "codes.pem"}}
    with pytest.raises(ConfigError) as raised:
        from_table({"tenants": tenants, "web": {"port": -1}}, {}, folder=tmp_path)
    assert len(raised.value.problems) == 2
    assert f"tenants.acme.code_key: {tmp_path / 'codes.pem'} holds no private key" in str(
        raised.value
    )
    (tmp_path / "codes.pem").unlink()
    make_signing_key(tmp_path / "codes.pem")
    config = from_table({"tenants": tenants}, {}, folder=tmp_path)
    assert config.code_keys == {"acme": tmp_path / "codes.pem"}
