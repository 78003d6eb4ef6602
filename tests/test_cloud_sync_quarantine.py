import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloud_sync.database import Database
from cloud_sync.intake import quarantine
from cloud_sync.intake.incoming import take_apart
from cloud_sync.intake.ledger import read
from cloud_sync.intake.quarantine import Poison, Replayed
from cloud_sync.intake.receive import receive
from storebridge.commands.quarantine import app
from wire.codec import chain_all, encode, encode_event
from wire.events import Event, Origin, Viewed
from wire.messages import Batch
from wire.topics import shard_of, up_topic

TENANT, STORE = "acme", "s0001"
SHARD = shard_of(TENANT, STORE)
STREAM, OTHER = b"s" * 16, b"t" * 16
TOPIC = up_topic(TENANT, STORE, "live")


def row(number: int, origin: Origin | None = None) -> bytes:
    return encode_event(
        Event(
            occurred_at=number,
            mono_ms=number,
            boot=1,
            clock=2,
            device="cam-1",
            zone="door",
            identifiers=(),
            body=Viewed(product="p"),
            origin=origin,
        )
    )


@pytest.fixture
def database(cloud_dsn: str) -> Iterator[Database]:
    database = Database(cloud_dsn)
    yield database
    database.close()


def keep(database: Database, **parts: object) -> Poison:
    """Set aside what an older version could not accept, and this one can."""
    entry = {
        "shard": SHARD,
        "tenant": TENANT,
        "store": STORE,
        "stream": STREAM,
        "count": 1,
        "part": "event",
        "reason": "event kind 7 is unknown here",
        "quarantined_at": 1,
        **parts,
    }
    poison = Poison(**entry)  # type: ignore[arg-type]
    with database.ledger(SHARD) as connection:
        quarantine.keep(connection, [poison])
    return poison


def replay(database: Database, entry: Poison) -> Replayed:
    with database.ledger(SHARD) as connection:
        return quarantine.replay(connection, entry, 2)


def held(database: Database) -> list[tuple[bytes | None, int | None, bool]]:
    with database.ledger(SHARD) as connection:
        return [(each.stream, each.seq, each.live) for each in read(connection, SHARD, 0)]


def test_a_replayed_event_keeps_its_stream_and_seq_and_comes_once(database: Database) -> None:
    (checksum,) = chain_all(0, [row(7)])
    entry = keep(database, first=7, payload=row(7), checksum=checksum)
    assert replay(database, entry) == Replayed(appended=1, refused=0)
    assert replay(database, entry) == Replayed(appended=0, refused=0)
    assert held(database) == [(STREAM, 7, False)]
    with database.ledger(SHARD) as connection:
        assert quarantine.listed(connection) == []
        assert len(quarantine.listed(connection, replayed=True)) == 1


def test_what_still_cannot_be_decoded_stays(database: Database) -> None:
    entry = keep(database, first=7, payload=b"\x93\x01\x02\x03")
    assert replay(database, entry) == Replayed(appended=0, refused=1)
    with database.ledger(SHARD) as connection:
        assert quarantine.listed(connection, "acme") == [entry]
        assert quarantine.listed(connection, "other") == []


def test_a_body_is_replayed_and_its_poison_is_kept_by_the_event(database: Database) -> None:
    rows = (row(1), b"\x93\x01\x02\x03", row(3))
    payload = encode(Batch(stream=STREAM, first=1, lane="live", before=0, rows=rows))
    entry = keep(database, first=1, count=3, part="body", payload=payload)
    assert replay(database, entry) == Replayed(appended=2, refused=1)
    assert held(database) == [(STREAM, 1, False), (STREAM, 3, False)]
    with database.ledger(SHARD) as connection:
        (left,) = quarantine.listed(connection)
    assert (left.first, left.count, left.part) == (2, 1, "event")
    assert left.checksum == chain_all(0, rows)[1]


def test_poison_recorded_again_after_a_fork_is_replayed_once(database: Database) -> None:
    (checksum,) = chain_all(0, [row(7)])
    first = keep(database, first=7, payload=row(7), checksum=checksum)
    origin = Origin(stream=STREAM, seq=7, checksum=checksum)
    again = keep(database, stream=OTHER, first=1, payload=row(7, origin), checksum=99)
    assert replay(database, first).appended == 1
    assert replay(database, again) == Replayed(appended=0, refused=0)
    assert held(database) == [(STREAM, 7, False)]


def test_an_event_that_could_not_be_folded_moves_to_the_head(database: Database) -> None:
    batch = Batch(stream=STREAM, first=1, lane="live", before=0, rows=(row(1), row(2)))
    receive(database, [take_apart(TOPIC, encode(batch))], 1)
    entry = keep(database, stream=b"", first=1, part="fold", payload=row(1))
    assert replay(database, entry).appended == 1
    assert [seq for _, seq, _ in held(database)] == [2, 1]


def test_stray_messages_of_a_store_have_a_limit(database: Database) -> None:
    strays = [quarantine.stray(SHARD, TENANT, STORE, b"%d" % n, "garbage", n) for n in range(5)]
    with database.ledger(SHARD) as connection:
        quarantine.keep(connection, strays, stray_messages_max=3)
        entries = quarantine.listed(connection)
    assert len(entries) == 3
    assert replay(database, entries[0]) == Replayed(appended=0, refused=1)


def test_the_command_lists_shows_and_replays(database: Database, tmp_path: Path) -> None:
    keep(database, first=7, payload=row(7), checksum=1, reason="\x1b[2Jkind 7 is unknown")
    keep(database, first=8, payload=b"\x93\x01\x02\x1b[2J")
    cloud = tmp_path / "cloud.toml"
    cloud.write_text(f"[database]\ndsn = {json.dumps(database.dsn)}\n")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [arguments[0], str(cloud), *arguments[1:]])

    assert [each["first"] for each in json.loads(run("list", "--json").output)] == [7, 8]
    assert "\x1b[2J" not in run("list").output
    assert run("list").output.count(STREAM.hex()) == 2, "what `show` asks for is cut short"
    shown = run("show", STREAM.hex(), "8")
    assert shown.exit_code == 0
    assert "\x1b" not in shown.output
    one = run("show", STREAM.hex(), "8", "--json")
    assert json.loads(one.output)["payload"] == b"\x93\x01\x02\x1b[2J".hex()
    replayed = run("replay", "--json")
    assert json.loads(replayed.output) == {"entries": 2, "appended": 1, "refused": 1}
    assert run("show", STREAM.hex(), "99").exit_code == 2
    cloud.write_text('[database]\ndsn = "host=/nowhere"\n')
    unreachable = run("list")
    assert (unreachable.exit_code, unreachable.output.count("\n")) == (1, 1)
    assert "the database cannot be used" in unreachable.output
