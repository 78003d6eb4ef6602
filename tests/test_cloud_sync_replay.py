"""Replaying the ledger gives the same rows to the last digit, whatever order events came in."""

import json
import random
from pathlib import Path

import pytest
from psycopg import Connection
from typer.testing import CliRunner

from cloud_sync.database import Database
from cloud_sync.intake import ledger
from cloud_sync.intake.copying import LedgerRow
from cloud_sync.intake.ledger import STORE, TAGS, LedgerEvent
from cloud_sync.intake.posted import PostedEvent
from cloud_sync.shoppers.atoms.interests import count_some
from cloud_sync.workers.replay import FOLDED, replay
from cloud_sync.workers.road import Road
from storebridge.cli import app
from tests.shopper_builders import DAY, NOW, TENANT, email, happened, member
from tests.test_cloud_sync_funnel import history_of
from wire.codec import encode_event
from wire.events import (
    Consent,
    CouponClaimed,
    Discount,
    Line,
    PointsSpent,
    Purchased,
    Returned,
    Viewed,
)
from wire.topics import SHARDS, shard_of

STREAM = b"s" * 16


@pytest.fixture
def database(cloud_dsn: str):
    database = Database(cloud_dsn)
    yield database
    database.close()


def arrive(connection: Connection, events: list[LedgerEvent]) -> None:
    """Append events to the ledger as stores and channels bring them."""
    for number, each in enumerate(events):
        if each.store is None:
            posted = [PostedEvent(f"{each.position}", each.event)]
            ledger.append_http(connection, TENANT, each.source, "key", posted)
            continue
        row = LedgerRow(
            tenant=TENANT,
            store=each.store,
            source=STORE,
            stream=STREAM,
            seq=number,
            live=each.live,
            occurred_at=each.event.occurred_at,
            kind=TAGS[type(each.event.body)],
            row=encode_event(each.event),
        )
        ledger.append(connection, {shard_of(TENANT, each.store): [row]})


def fold_some(connection: Connection, chance: random.Random) -> None:
    """Fold what is waiting, the shards in any order, in parts of any size."""
    road = Road()
    for shard in chance.sample(range(SHARDS), SHARDS):
        while True:
            (position,) = connection.execute(
                "SELECT position FROM shard_fold WHERE shard = %s", (shard,)
            ).fetchone()
            events = ledger.read(connection, shard, position, chance.choice([1, 3, 50]))
            if not events:
                break
            road.fold(connection, shard, 0, events)
            connection.execute(
                "UPDATE shard_fold SET position = %s WHERE shard = %s",
                (events[-1].position, shard),
            )


def ties(chance: random.Random) -> list[LedgerEvent]:
    """Things that two told of differently, of which it must not count who came first."""
    said = [Consent("push", True, via=via) for via in "ab"]
    said += [PointsSpent("o2", points) for points in (3, 4)]
    found = [happened(each, member("M1"), store=None, accepted_at=NOW) for each in said]
    for number in range(20):
        name, who = f"till-{number}", [member(f"M{number % 3}"), email(f"{number % 4}@b.c")]
        at = NOW - chance.randrange(3 * DAY)
        lines = (Line("p1", 1, 900), Line("p2", 1, 100))
        off = (Discount(f"c{number}", "o", 5),)
        told = [
            (Purchased(name, lines, 1_000, "CNY", off), "s0001", who[0]),
            (Purchased(name, lines[:1], 900, "CNY"), "s0001", who[1]),
            (Purchased(f"{name}@s0001", (), 1_000, "CNY", off), None, who[1]),
            (Returned(f"{name}@s0001", lines[:1], 900, "CNY"), "s0002", who[0]),
            (Returned(name, lines[1:], 100, "CNY"), "s0001", who[1]),
        ]
        found += [
            happened(body, named, store=store, at=at + chance.randrange(DAY))
            for body, store, named in chance.sample(told, chance.randrange(2, 6))
        ]
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_the_ledger_folded_anew_gives_the_same_digest_of_every_table(database, seed: int):
    chance = random.Random(seed)
    rare = [PointsSpent("o1", 5), PointsSpent("o1", 5), CouponClaimed("c1")]
    rare += [Consent("push", True), Consent("push", False)]
    rare.append(Viewed("6901234000016", price_cents=500, currency="CNY"))
    history = history_of(chance)
    history += [happened(each, member("M1"), store=None, accepted_at=NOW) for each in rare]
    history += ties(chance)
    late = chance.sample(history, len(history))
    with database.shopper(TENANT) as connection:
        arrive(connection, late[:20])
        fold_some(connection, chance)
        # A channel repeats what it was not told had arrived.
        arrive(connection, [each for each in late[:20] if each.store is None])
        arrive(connection, late[20:])
        fold_some(connection, chance)
        while count_some(connection, 3):
            pass
    folded: list[int] = []
    compared = replay(database.dsn, folded.append)
    assert [each.table for each in compared if not each.is_same] == []
    assert {each.table for each in compared if each.rows} == set(FOLDED)
    assert sum(folded) == len(history)


def test_a_row_that_does_not_follow_from_the_ledger_is_found(database, tmp_path: Path):
    with database.shopper(TENANT) as connection:
        arrive(connection, history_of(random.Random(3)))
        fold_some(connection, random.Random(3))
        connection.execute("UPDATE atom_act SET times = times + 1 WHERE act = 'bought'")
    config = tmp_path / "cloud.toml"
    config.write_text(f'folder = "{tmp_path}"\n[database]\ndsn = "{database.dsn}"\n')
    done = CliRunner().invoke(app, ["replay", str(config), "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["is_same"]) == (1, False)
    assert [each["table"] for each in told["tables"] if not each["is_same"]] == ["atom_act"]
