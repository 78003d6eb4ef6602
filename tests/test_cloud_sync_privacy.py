"""What shoppers may ask for, over HTTP and by command; and how long what is about them is kept."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner
from werkzeug.test import TestResponse

from cloud_sync.cloud import Cloud
from cloud_sync.database import Database
from cloud_sync.intake.api_keys import create_key
from cloud_sync.privacy import erasing, lapsed, nightly, scrub, told
from cloud_sync.privacy.export import FACTS, TOLD_OTHERWISE
from cloud_sync.privacy.kept_apart import KeptApart
from cloud_sync.privacy.retention import RETENTION
from cloud_sync.privacy.traces import NOT_TRACES, TRACES
from cloud_sync.shoppers.consent import consents
from cloud_sync.shoppers.fold import fold
from cloud_sync.web.app import create_app
from cloud_sync.workers.chores import CHORES, Chores, do_part, enlist
from storebridge.cli import app
from tests.cloud_parts import wait_until
from tests.shopper_builders import DAY, KEY, TENANT, happened, member, sell_sample
from wire.events import Consent, Identified, Viewed
from wire.identifiers import identifier_id, key_identifier

NOW = time.time_ns() // 1000
HOUR = 3_600_000_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
TEA = "6901234000016"
ANNA, BO = member("ANNA-1"), member("BO-2")
WHOM = [{"kind": "member", "value": "ANNA-1"}]
ROOT = Path(__file__).parent.parent


@dataclass
class Shop:
    """The API over a database, with a shop's key and one that may answer for shoppers."""

    database: Database
    client: FlaskClient
    key: str
    rights: str
    config: Path
    apart: KeptApart

    def post(self, path: str, body: object, key: str | None = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return self.client.post(path, data=json.dumps(body), headers=headers)

    def fold(self, *who, at: int = NOW - DAY) -> None:
        events = [happened(Viewed(product=TEA), each, at=at) for each in who]
        with self.database.ledger(0) as connection:
            fold(connection, events[0].shard, 1, events)

    def ask(self, query: str, *values: object) -> list[tuple]:
        with self.database.shopper(TENANT) as connection:
            return connection.execute(query, values).fetchall()

    def run(self, *words: str) -> tuple[int, object]:
        done = CliRunner().invoke(app, ["shopper", *words, "--json"])
        return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def shop(cloud_dsn: str, tmp_path: Path) -> Iterator[Shop]:
    database = Database(cloud_dsn)
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
        key = create_key(connection, TENANT, "shop")
        rights = create_key(connection, TENANT, "desk", answers_rights=True)
    apart = tmp_path / "erasures.jsonl"
    cloud = Cloud(
        database=database, identifier_keys={TENANT: KEY}, erasures_file=apart, now=lambda: NOW
    )
    config = tmp_path / "cloud.toml"
    config.write_text(
        f'erasures_file = "erasures.jsonl"\n[database]\ndsn = "{cloud_dsn}"\n'
        f'[tenants.{TENANT}]\nidentifier_key = "{KEY.hex()}"\n',
        encoding="utf-8",
    )
    client = create_app(cloud).test_client()
    yield Shop(database, client, key, rights, config, KeptApart(apart))
    database.close()


def test_a_word_given_to_a_channel_holds_for_the_next_question(shop: Shop):
    shop.fold(ANNA)
    assert shop.post("/v1/shopper", {"identifiers": WHOM}).json["consented"]
    word = {
        "identifiers": WHOM,
        "purposes": {"offers": False, "push": True},
        "version": "2026-05",
        "event_id": "c-1",
    }
    assert shop.post("/v1/consents", word).json == {"accepted": 2, "repeated": 0}
    assert shop.post("/v1/consents", word).json == {"accepted": 0, "repeated": 2}
    assert not shop.post("/v1/shopper", {"identifiers": WHOM}).json["consented"]
    said = shop.post("/v1/consents/ask", {"identifiers": WHOM}).json["consents"]
    assert (said["offers"]["given"], said["push"]["given"]) == (False, True)
    assert (said["push"]["version"], said["push"]["said_at"]) == ("2026-05", NOW)
    assert said["profiling"] == {
        "given": True,
        "by": "terms",
        "said_at": 0,
        "version": "",
        "via": "",
        "place": "",
    }
    kinds = shop.ask("SELECT kind FROM ledger ORDER BY position")
    assert kinds == [(40,), (40,)]


def test_what_is_wrong_with_a_word_is_named(shop: Shop):
    word = {"identifiers": WHOM, "purposes": {"telepathy": True}, "event_id": "c-1"}
    answer = shop.post("/v1/consents", word)
    assert answer.status_code == 400
    assert answer.json["error"]["fields"][0]["field"] == "purposes.telepathy"
    assert shop.post("/v1/consents", {"identifiers": WHOM}).status_code == 400


@pytest.mark.parametrize("path", ["/v1/shoppers/export", "/v1/shoppers/erase"])
def test_only_a_key_that_answers_for_shoppers_may_ask_for_these(shop: Shop, path: str):
    answer = shop.post(path, {"identifiers": WHOM})
    assert answer.status_code == 403
    assert "--rights" in answer.json["error"]["message"]
    wrong = shop.post(path, {"shopper": ""}, shop.rights)
    assert wrong.status_code == 400
    unknown = shop.post(path, {"shopper": "0" * 32}, shop.rights)
    assert unknown.status_code == 404


def test_a_shopper_is_told_everything_and_erased_over_http(shop: Shop):
    shop.fold(ANNA)
    told_ = shop.post("/v1/shoppers/export", {"identifiers": WHOM}, shop.rights).json
    assert [row["product"] for row in told_["products"]["rows"]] == [TEA]
    address = f"/v1/shoppers/export?shopper={told_['shopper']}"
    again = shop.client.get(address, headers={"Authorization": f"Bearer {shop.rights}"})
    assert again.json["identifiers"] == told_["identifiers"]
    done = shop.post("/v1/shoppers/erase", {"shopper": told_["shopper"]}, shop.rights).json
    assert done["rows"] > 0
    assert shop.ask("SELECT FROM identifier") == []
    assert [each.erasure for each in shop.apart.all()] == [done["erasure"]]


def test_commands_forget_export_and_list(shop: Shop):
    shop.fold(ANNA)
    config, tenant = str(shop.config), ("--tenant", TENANT)
    shopper = identifier_id(ANNA)
    code, told_ = shop.run("export", config, shopper, *tenant)
    assert (code, told_["shopper"]) == (0, shopper)
    code, done = shop.run("forget", config, shopper, *tenant)
    assert (code, done["events"]) == (0, 0)
    code, listed = shop.run("erasures", config, *tenant)
    assert [(each["erasure"], each["asked_by"]) for each in listed] == [
        (done["erasure"], "command line")
    ]
    assert shop.run("erasures", config, *tenant, "--unanswered") == (0, [])
    code, wiped = shop.run("wipe", config)
    assert (code, wiped["left"]) == (0, {})
    assert "atom_act_0" in wiped["tables"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["0" * 32], "was erased"),
        (["nonsense"], "32 hex digits"),
        ([], "--kind and --value"),
        (["--kind", "shoe-size", "--value", "44"], "no kind of identifier"),
    ],
)
def test_a_command_run_wrong_says_so_as_json(shop: Shop, words: list[str], said: str):
    code, error = shop.run("forget", str(shop.config), *words, "--tenant", TENANT)
    assert code in (1, 2)
    assert said in error["error"]


def test_what_stores_were_told_is_taken_back_when_its_time_is_over(shop: Shop):
    shop.fold(ANNA, BO)
    for who, days in ((ANNA, told.VIEWS_KEPT_DAYS + 1), (BO, told.VIEWS_KEPT_DAYS - 1)):
        shop.ask(
            "INSERT INTO shopper_view (tenant, identifier, store, checksum, told_at)"
            " VALUES (%s, %s::uuid, 's0001', 'x', %s) RETURNING 1",
            TENANT,
            identifier_id(who),
            NOW - days * DAY,
        )
    assert chore(shop, "views") == 1
    assert shop.ask("SELECT identifier::text FROM shopper_view") == [
        (str(UUID(identifier_id(BO))),)
    ]
    assert shop.ask("SELECT key, value FROM downlink_key") == [(ANNA.key, None)]


def test_erasures_go_from_the_downlink_long_after_the_receipt(shop: Shop):
    shop.ask("INSERT INTO downlink (shard, tenant, store) VALUES (1, %s, 's') RETURNING 1", TENANT)
    done = [
        erasing.erase(shop.database, shop.apart, TENANT, [who], NOW, asked_by="a test").erasure
        for who in (ANNA, BO)
    ]
    for erasure, days in zip(done, (told.ITEMS_KEPT_DAYS + 1, 1), strict=True):
        shop.ask(
            "UPDATE erasure_store SET verdict = 'signed', answered_at = %s WHERE erasure = %s"
            " RETURNING 1",
            NOW - days * DAY,
            erasure,
        )
    assert chore(shop, "erasures") == 1
    kept = "SELECT key FROM downlink_key WHERE view = 'erasure' AND value IS NOT NULL"
    assert shop.ask(kept) == [(done[1],)]


def test_a_store_that_does_not_answer_is_told_again(shop: Shop):
    shop.ask("INSERT INTO downlink (shard, tenant, store) VALUES (1, %s, 's') RETURNING 1", TENANT)
    erasing.erase(shop.database, shop.apart, TENANT, [ANNA], NOW, asked_by="a test")
    revision = "SELECT max(revision) FROM downlink_key WHERE view = 'erasure'"
    before = shop.ask(revision)
    chore(shop, "unanswered")
    erasing.tell_stores(shop.database)
    assert shop.ask(revision) == before
    day = (told.TOLD_AGAIN_DAYS + 1) * DAY
    shop.ask("UPDATE erasure_store SET told_at = told_at - %s RETURNING 1", day)
    shop.ask("UPDATE chore SET due_at = now() WHERE chore = 'unanswered' RETURNING 1")
    chore(shop, "unanswered")
    erasing.tell_stores(shop.database)
    assert shop.ask(revision) > before


def test_a_word_under_a_new_name_is_answered_by_at_once(shop: Shop):
    """The strongest of somebody's names bears the word, and may be known to nobody yet."""
    phone = key_identifier("phone", "+86 138 1234 5678", key=KEY)
    shop.fold(phone)
    whom = [{"kind": "member", "value": "NEW-1"}, {"kind": "phone", "value": "+86 138 1234 5678"}]
    said = {"identifiers": whom, "purposes": {"push": True}, "event_id": "word-1"}
    assert shop.post("/v1/consents", said).json == {"accepted": 1, "repeated": 0}
    asked = shop.post("/v1/consents/ask", {"identifiers": whom}).json
    assert asked["consents"]["push"]["given"] is True


def test_who_is_not_heard_of_for_long_is_erased(shop: Shop):
    shop.fold(ANNA, at=NOW - 101 * DAY)
    shop.fold(BO, at=NOW - 99 * DAY)
    assert lapsed.erase_lapsed(shop.database, shop.apart, 100, NOW) == 1
    assert shop.ask("SELECT value FROM identifier") == [(BO.value,)]
    assert shop.ask("SELECT asked_by FROM erasure") == [(lapsed.ASKED_BY,)]
    # Once a day is enough, whoever asks.
    assert lapsed.erase_lapsed(shop.database, shop.apart, 50, NOW) == 0


def test_who_never_did_anything_is_erased_as_long_after_they_became_known(shop: Shop):
    """A lone name of a membership list does nothing that is counted."""
    for days, who in ((101, ANNA), (99, BO)):
        event = happened(Identified(by="list"), who, store=None, at=NOW - 900 * DAY)
        with shop.database.ledger(0) as connection:
            fold(connection, event.shard, 1, [event])
            connection.execute(
                "UPDATE identifier SET since = %s WHERE value = %s", (NOW - days * DAY, who.value)
            )
    assert lapsed.erase_lapsed(shop.database, shop.apart, 100, NOW) == 1
    assert shop.ask("SELECT value FROM identifier") == [(BO.value,)]


def test_who_spoke_of_consents_lately_was_heard_of(shop: Shop):
    said = Consent("push", True, "2026-05", "web")
    shop.fold(ANNA, at=NOW - 101 * DAY)
    event = happened(said, ANNA, at=NOW - DAY)
    with shop.database.ledger(0) as connection:
        consents.note(connection, [event])
    assert lapsed.erase_lapsed(shop.database, shop.apart, 100, NOW) == 0


def test_who_came_again_before_their_turn_is_not_erased(shop: Shop):
    shop.fold(ANNA, at=NOW - 101 * DAY)
    shop.fold(BO, at=NOW - 101 * DAY)
    kept: list[bytes] = []

    def come() -> bool:
        left = [value for (value,) in shop.ask("SELECT value FROM identifier")]
        if len(left) == 1 and not kept:
            kept.extend(left)
            shop.fold(next(each for each in (ANNA, BO) if each.value in kept), at=NOW)
        return False

    assert lapsed.erase_lapsed(shop.database, shop.apart, 100, NOW, ended=come) == 1
    assert shop.ask("SELECT value FROM identifier") == [(kept[0],)]


def test_the_chores_finish_what_an_erasure_left(shop: Shop):
    shop.fold(ANNA)
    erasing.erase(shop.database, shop.apart, TENANT, [ANNA], NOW, asked_by="a test")
    assert shop.ask("SELECT finished_at FROM erasure") == [(None,)]
    chores = Chores(shop.database, apart=shop.apart, lapsed_days=100, look_every_s=0.05)
    chores.start()
    try:
        wait_until(lambda: shop.ask("SELECT finished_at FROM erasure") != [(None,)], "the search")
    finally:
        chores.close()


def test_what_an_erasure_left_on_disk_is_wiped_once_in_its_hour_of_the_night(shop: Shop):
    shop.fold(ANNA)
    erasing.erase(shop.database, shop.apart, TENANT, [ANNA], NOW, asked_by="a test")
    scrub.finish(shop.database)
    night = int(datetime(2026, 11, 28, 3, 30, tzinfo=SHANGHAI).timestamp() * 1_000_000)
    wiped = "SELECT wiped_at IS NOT NULL FROM erasure"
    for hour, at in ((nightly.NEVER, night), (3, night - HOUR), (3, night + HOUR)):
        assert not nightly.wipe_at_night(shop.database, hour, SHANGHAI, at)
    assert shop.ask(wiped) == [(False,)]
    assert nightly.wipe_at_night(shop.database, 3, SHANGHAI, night)
    assert shop.ask(wiped) == [(True,)]
    assert not nightly.wipe_at_night(shop.database, 3, SHANGHAI, night)


def chore(shop: Shop, name: str) -> int:
    with shop.database.shopper("") as connection:
        enlist(connection)
        return do_part(connection, next(each for each in CHORES if each.name == name))


def test_each_line_of_the_retention_is_documented_and_has_its_chore(cloud_dsn: str):
    text = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    names = {each.name for each in CHORES} | {lapsed.CHORE, ""}
    with psycopg.connect(cloud_dsn) as connection:
        rows = connection.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')")
        tables = {name for (name,) in rows}
    for line in RETENTION:
        assert f"| {line.what} | " in text
        assert f"| {line.kept_for} | " in text
        assert line.chore in names
        for table in line.tables:
            assert table in tables or any(each.startswith(table.rstrip("*")) for each in tables)
            assert f"`{table}`" in text


def test_each_table_in_which_a_shopper_stands_has_its_time_and_is_exported():
    kept = {table for line in RETENTION for table in line.tables}
    others = {"downlink", "shard_lease"}  # their owner is a worker
    named = {trace.table for trace in TRACES} | set(NOT_TRACES) - others
    assert {each for each in named if each not in kept and not each.startswith("atom_")} == set()
    exported = {table for table, _ in FACTS.values()}
    assert {trace.table for trace in TRACES} - exported == set(TOLD_OTHERWISE)
