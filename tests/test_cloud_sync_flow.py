"""Other systems are told of shoppers who allow it, at least once, and one's trouble is its own."""

import base64
import csv
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest

from cloud_sync.database import Database
from cloud_sync.decisions.decide import decide
from cloud_sync.flow import queue
from cloud_sync.flow.audiences import (
    Audience,
    AudienceError,
    Condition,
    counts,
    read_audiences,
    set_audiences,
)
from cloud_sync.flow.connector import GIVE_UP_S, Connector, Purpose, enlist, pause_s, standings
from cloud_sync.flow.kinds import SecretError, read_secret, wrong_address
from cloud_sync.flow.messages import Message
from cloud_sync.flow.senders import (
    SENDERS,
    AwayError,
    FileSender,
    MqttSender,
    RefusedError,
    Route,
    WebhookSender,
)
from cloud_sync.privacy.erasing import erase
from cloud_sync.privacy.kept_apart import KeptApart
from cloud_sync.shoppers.consent import consents
from cloud_sync.shoppers.profiles.stage_rules import KNOWN_ACTS
from cloud_sync.workers.road import Road
from storebridge.commands.cloud import connecting
from tests.cloud_parts import wait_until
from tests.conftest import BrokerForTests
from tests.shopper_builders import (
    DAY,
    NOW,
    TENANT,
    happened,
    member,
    order,
    sell_sample,
    shopper_of,
    web,
)
from wire.events import Consent, Viewed
from wire.mqtt import MqttLink
from wire.mqtt_publisher import Publisher

SECRET = b"a secret of thirty-two bytes, yes"
SECOND = 1_000_000
TEA = "6901234000016"


@dataclass
class Answering:
    """A real HTTP server of another system; `answer` says a status and its headers for a body."""

    answer: Callable[[dict[str, object]], tuple[int, dict[str, str]]] = lambda _: (200, {})
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def messages(self) -> list[dict[str, object]]:
        """All messages that came and were taken, in order."""
        return [one for _, body in self.posts for one in json.loads(body)["messages"]]


@pytest.fixture
def other() -> Iterator[Answering]:
    system = Answering()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = system.answer(json.loads(body))
            if status == 200:
                system.posts.append((dict(self.headers.items()), body))
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    system.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield system
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Cloud:
    """A database with a tenant, its connectors, and a clock that is set by hand."""

    database: Database
    now: int = NOW

    def connector(self, name: str, sender: object, *audiences: str) -> Connector:
        purpose = Purpose(tenant=TENANT, connector=name, audiences=audiences)
        with self.database.shopper(TENANT) as connection:
            enlist(connection, [purpose])
        return Connector(self.database, purpose, sender, now=lambda: self.now)  # type: ignore[arg-type]

    def happen(self, *events) -> None:
        """Let events be folded, and those whom they concern be decided."""
        with self.database.shopper(TENANT) as connection:
            touched = set()
            for each in events:
                touched |= Road().fold(connection, each.shard, 1, [each]).touched
            decide(connection, TENANT, [shopper for _, shopper in touched], self.now)

    def comes(self, code: str, *bodies) -> str:
        """Let a member who shares come and do something; returns the shopper ID."""
        who = member(code)
        said = Consent("sharing", True, "2026-05", "web")
        self.happen(*(happened(each, who, at=self.now) for each in (said, *bodies)))
        with self.database.shopper(TENANT) as connection:
            return shopper_of(connection, who)[1]

    def standing(self, name: str):
        with self.database.shopper(TENANT) as connection:
            return {each.connector: each for each in standings(connection, TENANT)}[name]

    def dead(self, name: str = "") -> list[queue.DeadLetter]:
        with self.database.shopper(TENANT) as connection:
            return queue.dead_letters(connection, TENANT, name)


@pytest.fixture
def cloud(cloud_dsn: str) -> Iterator[Cloud]:
    database = Database(cloud_dsn)
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
        consents.set_terms(connection, TENANT, ["offers", "profiling"])
    yield Cloud(database)
    database.close()


def hook(other: Answering, name: str = "crm") -> WebhookSender:
    return WebhookSender(Route(tenant=TENANT, connector=name, address=other.url, secret=SECRET))


VIEWED = Viewed(product=TEA)


def test_whoever_allows_it_is_told_of_once_with_stage_and_signature(cloud: Cloud, other: Answering):
    crm = cloud.connector("crm", hook(other))
    anna = cloud.comes("M1", VIEWED, VIEWED)
    cloud.happen(happened(VIEWED, member("M2"), at=NOW))  # has not said that it may be shared
    while crm.step():
        pass
    (message,) = other.messages()
    assert (message["shopper"], message["type"], message["stage"]) == (
        anna,
        "shopper.changed",
        "interest",
    )
    headers, body = other.posts[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    cloud.happen(happened(VIEWED, member("M1"), at=NOW))  # nothing that is told changes by it
    assert crm.step() == 1
    assert len(other.messages()) == 1
    assert cloud.standing("crm").sent == 1


def test_a_withdrawn_consent_an_erasure_and_a_join_are_told(
    cloud: Cloud, other: Answering, tmp_path: Path
):
    crm = cloud.connector("crm", hook(other))
    ids = {code: cloud.comes(code, VIEWED, VIEWED) for code in ("M1", "M2")}
    said = Consent("sharing", True, "2026-05", "web")
    cloud.happen(happened(said, web("c1"), store=None))
    while crm.step():
        pass
    known = {str(each["shopper"]) for each in other.messages()}
    assert known >= set(ids.values())
    other.posts.clear()

    cloud.happen(happened(Consent("sharing", False, "2026-05", "web"), member("M1"), at=NOW + 1))
    apart = KeptApart(tmp_path / "erasures.jsonl")
    erase(cloud.database, apart, TENANT, [member("M2")], NOW + 1, asked_by="a test")
    cloud.comes("M3")
    cloud.happen(happened(VIEWED, member("M3"), web("c1"), store=None, at=NOW + 2))
    while crm.step():
        pass
    gone = {
        str(each["shopper"]): each["reason"]
        for each in other.messages()
        if each["type"] == "shopper.gone"
    }
    assert gone[ids["M1"]] == "consent"
    assert gone[ids["M2"]] == "erased"
    (cookie,) = known - set(ids.values())
    assert gone[cookie] == "joined"
    with cloud.database.shopper(TENANT) as connection:
        left = connection.execute("SELECT replace(shopper::text, '-', '') FROM connector_told")
        assert not {each for (each,) in left} & {*ids.values(), cookie}
        assert connection.execute("SELECT count(*) FROM connector_due").fetchone() == (0,)


def test_a_system_that_is_away_waits_longer_each_time_and_loses_nothing(
    cloud: Cloud, other: Answering
):
    crm = cloud.connector("crm", hook(other))
    other.answer = lambda _: (503, {"Retry-After": "30"})
    anna = cloud.comes("M1", VIEWED)
    assert crm.step() == 1
    standing = cloud.standing("crm")
    assert standing.failures == 1
    assert standing.paused_until >= NOW + 30 * SECOND
    assert crm.step() == 0  # it is left alone
    other.answer = lambda _: (200, {})
    cloud.now = standing.paused_until
    assert crm.step() == 1
    assert [each["shopper"] for each in other.messages()] == [anna]
    assert cloud.standing("crm").failures == 0


def test_what_one_system_refuses_is_a_dead_letter_and_the_others_are_told(
    cloud: Cloud, other: Answering
):
    crm = cloud.connector("crm", hook(other))
    people = [cloud.comes(f"M{n}", VIEWED) for n in range(5)]
    poison = people[2]

    def refuse(body):
        return (422 if poison in json.dumps(body) else 200), {}

    other.answer = refuse
    while crm.step():
        pass
    assert {each["shopper"] for each in other.messages()} == {*people} - {poison}
    (dead,) = cloud.dead()
    assert (dead.shopper, dead.connector) == (poison, "crm")
    assert "422" in dead.reason
    other.answer = lambda _: (200, {})
    assert crm.step() == 0
    with cloud.database.shopper(TENANT) as connection:
        assert queue.replay(connection, TENANT, "crm", cloud.now) == 1
        assert queue.replay(connection, TENANT, "nobody", cloud.now) is None
    assert crm.step() == 1
    assert poison in {each["shopper"] for each in other.messages()}
    assert cloud.dead() == []


def test_who_could_not_be_told_of_for_days_is_a_dead_letter_until_there_is_news(
    cloud: Cloud, other: Answering
):
    crm = cloud.connector("crm", hook(other))
    other.answer = lambda _: (500, {})
    anna = cloud.comes("M1", VIEWED)
    crm.step()
    cloud.now += (GIVE_UP_S + 3_600) * SECOND
    crm.step()
    (dead,) = cloud.dead("crm")
    assert dead.shopper == anna
    other.answer = lambda _: (200, {})
    cloud.now += 3_600 * SECOND
    cloud.comes("M1", VIEWED)
    assert crm.step() == 1
    assert cloud.dead() == []
    assert [each["shopper"] for each in other.messages()] == [anna]


def test_one_system_that_hangs_delays_no_other(cloud: Cloud, other: Answering, tmp_path: Path):
    hangs = threading.Event()
    other.answer = lambda _: (hangs.wait(30), (200, {}))[1]
    slow = cloud.connector("slow", hook(other, "slow"))
    route = Route(tenant=TENANT, connector="files", address=str(tmp_path))
    quick = cloud.connector("files", FileSender(route, "csv"))
    cloud.comes("M1", VIEWED)
    with connecting([slow, quick]):
        wait_until(lambda: list(tmp_path.glob("*.csv")), "the file beside a hook that hangs")
        assert other.messages() == []
        hangs.set()
        wait_until(lambda: len(other.messages()) == 1, "the hook that hung")


def test_what_a_killed_sender_had_claimed_is_sent_by_another_with_the_same_id(
    cloud: Cloud, other: Answering
):
    class Dies:
        messages_max = 100

        def send(self, messages) -> None:
            hook(other).send(messages)
            raise KeyboardInterrupt

    first = cloud.connector("crm", Dies())
    cloud.comes("M1", VIEWED)
    with pytest.raises(KeyboardInterrupt):
        first.step()
    second = cloud.connector("crm", hook(other))
    assert second.step() == 0  # the first may be at it still
    cloud.now += queue.CLAIM_S * SECOND
    assert second.step() == 1
    one, again = other.messages()
    assert one["id"] == again["id"]
    assert one["shopper"] == again["shopper"]


def test_news_that_come_while_it_is_told_are_told_next(cloud: Cloud, other: Answering):
    crm = cloud.connector("crm", hook(other))
    cloud.comes("M1", VIEWED)

    def meanwhile(body):
        if not other.posts:
            cloud.happen(happened(order(TEA, cents=6800), member("M1"), at=NOW + 5))
        return 200, {}

    other.answer = meanwhile
    while crm.step():
        pass
    assert [each["stage"] for each in other.messages()] == ["awareness", "purchase"]


def test_who_is_erased_while_they_are_told_of_for_the_first_time_is_told_to_be_gone(
    cloud: Cloud, other: Answering, tmp_path: Path
):
    """What was told last is noted after the erasure: nobody would take it back any more."""
    shopper = cloud.comes("ANNA", Viewed(product=TEA))
    connector = cloud.connector("crm", hook(other))

    def erased_meanwhile(_: dict[str, object]) -> tuple[int, dict[str, str]]:
        if not other.posts:
            apart = KeptApart(tmp_path / "erasures.jsonl")
            erase(cloud.database, apart, TENANT, [member("ANNA")], NOW + SECOND, asked_by="a test")
        return 200, {}

    other.answer = erased_meanwhile
    assert connector.step() == 1
    cloud.now += 3_600 * SECOND * 24 * 400
    assert connector.step() == 1
    first, second = other.messages()
    assert (first["type"], second["type"], second["reason"]) == (
        "shopper.changed",
        "shopper.gone",
        "erased",
    )
    assert {first["shopper"], second["shopper"]} == {shopper}
    with cloud.database.shopper(TENANT) as connection:
        for table in ("connector_due", "connector_told"):
            assert connection.execute(f"SELECT FROM {table}").fetchall() == []


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_appear_whole_and_say_what_was_told(cloud: Cloud, tmp_path: Path, ending: str):
    route = Route(tenant=TENANT, connector="files", address=str(tmp_path))
    files = cloud.connector("files", SENDERS[ending](route))  # type: ignore[index]
    ids = {cloud.comes(f"M{n}", VIEWED, VIEWED) for n in range(3)}
    assert files.step() == 3
    (file,) = tmp_path.iterdir()
    if ending == "csv":
        rows = list(csv.DictReader(file.open(encoding="utf-8")))
        assert {(each["shopper"], each["stage"]) for each in rows} == {(i, "interest") for i in ids}
    else:
        found = duckdb.sql(f"SELECT shopper, stage, \"at\" FROM '{file}'").fetchall()
        assert {each[:2] for each in found} == {(i, "interest") for i in ids}
        assert found[0][2] == NOW


def test_a_folder_that_is_gone_is_a_system_that_is_away(tmp_path: Path):
    sender = FileSender(Route(tenant=TENANT, connector="f", address=str(tmp_path / "x")), "csv")
    with pytest.raises(AwayError, match="x"):
        sender.send([_message()])


def test_a_topic_is_told_and_a_broker_that_is_gone_is_away(broker: BrokerForTests, cloud: Cloud):
    heard: list[tuple[str, bytes]] = []
    listener = MqttLink(broker.host, broker.port, "listener", "cloud", broker.PASSWORD)
    up = threading.Event()
    listener.open(
        subscriptions=("sb/acme/flow/crm",),
        on_message=lambda topic, payload: heard.append((topic, payload)),
        on_up=up.set,
        on_down=lambda _: None,
        will=lambda: None,
    )
    assert up.wait(20)
    publisher = Publisher(broker.host, broker.port, "cloud", broker.PASSWORD)
    route = Route(tenant=TENANT, connector="topic", address="crm", publish=publisher.publish)
    topic = cloud.connector("topic", MqttSender(route))
    anna = cloud.comes("M1", VIEWED)
    assert topic.step() == 1
    wait_until(lambda: heard, "the message on the topic")
    assert json.loads(heard[0][1])["shopper"] == anna
    listener.close()
    broker.kill()
    with pytest.raises(AwayError):
        MqttSender(route).send([_message()])


def test_only_an_audience_that_is_wanted_is_told_of_and_who_leaves_it_is_gone(
    cloud: Cloud, other: Answering
):
    with cloud.database.shopper(TENANT) as connection:
        set_audiences(connection, TENANT, [LOOKERS], cloud.now)
    crm = cloud.connector("crm", hook(other), "lookers")
    once, twice = cloud.comes("M1", VIEWED), cloud.comes("M2", VIEWED, VIEWED)
    while crm.step():
        pass
    assert [(each["shopper"], each["audiences"]) for each in other.messages()] == [
        (twice, ["lookers"])
    ]
    with cloud.database.shopper(TENANT) as connection:
        assert counts(connection, TENANT, [LOOKERS], cloud.now) == {"lookers": 1}
    cloud.happen(happened(order(TEA, cents=6800), member("M2"), at=NOW + 5))
    while crm.step():
        pass
    last = other.messages()[-1]
    assert (last["shopper"], last["type"], last["reason"]) == (twice, "shopper.gone", "left")
    assert once not in {each["shopper"] for each in other.messages()}


LOOKERS = Audience(
    name="lookers",
    conditions=(
        Condition(act="viewed", times=2, days=30),
        Condition(act="bought", never=True, days=30),
    ),
)


def test_how_many_are_in_an_audience_is_what_each_profile_says(cloud: Cloud):
    audiences = [
        LOOKERS,
        Audience(name="buyers", stage="purchase"),
        Audience(name="loyal", stage="loyalty", conditions=(Condition(act="bought", times=2),)),
        Audience(name="spent", conditions=(Condition(act="bought", amount=10_000),)),
    ]
    for n in range(6):
        cloud.comes(f"M{n}", *[VIEWED] * n)
        cloud.happen(
            *(
                happened(order(TEA, cents=6800, number=f"o{n}{k}"), member(f"M{n}"), at=NOW + k)
                for k in range(n % 3)
            )
        )
    with cloud.database.shopper(TENANT) as connection:
        found = counts(connection, TENANT, audiences, NOW + DAY)
    assert found == {"lookers": 1, "buyers": 4, "loyal": 2, "spent": 2}


WRONG = """
[[audience]]
name = "Nobody!"
stage = "heaven"
colour = "red"
[[audience]]
name = "twice"
condition = [{act = "flown", times = 0}, {act = "viewed", never = "no", days = true}]
[[audience]]
name = "twice"
"""


def test_a_file_of_audiences_is_checked_whole(tmp_path: Path):
    file = tmp_path / "audiences.toml"
    file.write_text(WRONG, encoding="utf-8")
    with pytest.raises(AudienceError) as caught:
        read_audiences(file, KNOWN_ACTS)
    for part in (
        *("colour", "1 to 40", "two of this name", "everybody", "stage is one of"),
        *("act is one of", "times is", "never is", "days is"),
    ):
        assert part in str(caught.value), part
    good = tmp_path / "good.toml"
    good.write_text(
        '[[audience]]\nname = "lookers"\n'
        '[[audience.condition]]\nact = "viewed"\ntimes = 2\ndays = 30\n'
        '[[audience.condition]]\nact = "bought"\nnever = true\ndays = 30\n',
        encoding="utf-8",
    )
    assert read_audiences(good, KNOWN_ACTS) == (LOOKERS,)


@pytest.mark.parametrize(
    ("kind", "address", "is_right"),
    [
        ("webhook", "https://crm.example/hook", True),
        ("webhook", "http://crm.example/hook", False),
        ("webhook", "ftp://crm.example", False),
        ("webhook", "crm", False),
        ("csv", "relative", False),
        ("mqtt", "crm", True),
        ("mqtt", "sb/acme/up", False),
        ("mqtt", "crm/#", False),
    ],
)
def test_an_address_must_fit_its_kind(kind: str, address: str, is_right: bool):
    assert (wrong_address(kind, address) == "") is is_right


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!!!", "whsec_c2hvcnQ="])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, text: str):
    (tmp_path / "secret").write_text(text)
    with pytest.raises(SecretError):
        read_secret(tmp_path / "secret")


def test_pauses_double_up_to_a_limit_and_differ():
    assert [pause_s(n, chance=0.999) for n in range(3)] == pytest.approx([1, 2, 4], rel=0.01)
    assert pause_s(40, chance=0.0) == 300
    assert pause_s(0, chance=0.5, asked_s=30) == 30


def test_a_redirect_is_not_followed_and_counts_as_away(other: Answering):
    other.answer = lambda _: (307, {"Location": "http://127.0.0.1:9/"})
    with pytest.raises(AwayError, match="307"):
        hook(other).send([_message()])
    other.answer = lambda _: (400, {})
    with pytest.raises(RefusedError, match="400"):
        hook(other).send([_message()])


def _message() -> Message:
    return Message(id="1", type="shopper.gone", shopper="0" * 32, at=NOW, reason="left")
