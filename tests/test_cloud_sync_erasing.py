"""Erasing in the cloud: who goes with whom, what stays, what comes later, and what comes again."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from cloud_sync.database import Database
from cloud_sync.decisions.decide import decide
from cloud_sync.intake import ledger, quarantine
from cloud_sync.intake.copying import LedgerRow
from cloud_sync.intake.ledger import TAGS, LedgerEvent
from cloud_sync.intake.quarantine import Poison
from cloud_sync.privacy import erasing, receipts, restoring, scrub
from cloud_sync.privacy.export import FACTS, export
from cloud_sync.privacy.kept_apart import KeptApart, KeptApartError
from cloud_sync.privacy.traces import NOT_TRACES, TELLING_COLUMNS, TRACES
from cloud_sync.shoppers.atoms.interests import count_some
from cloud_sync.workers.folding import Folding
from cloud_sync.workers.pending import pending
from cloud_sync.workers.road import Road
from cloud_sync.workers.shards import Lease, claim
from tests.shopper_builders import (
    DAY,
    KEY,
    TENANT,
    app,
    happened,
    member,
    order,
    sell_sample,
    web,
)
from wire.codec import decode_event, encode, encode_event
from wire.erasures import mark_of
from wire.events import (
    AnyBody,
    Arrival,
    Blank,
    CouponClaimed,
    CouponRedeemed,
    Identified,
    Purchased,
    Saved,
    Searched,
    Viewed,
)
from wire.identifiers import Identifier, identifier_id, key_identifier
from wire.messages import Batch
from wire.topics import shard_of
from wire.views import ErasureView, decode_view

ANNA, BO = member("ANNA-1"), member("BO-2")
TEA = "6901234000016"
# What claims to come from the future is taken to happen when it is accepted.
NOW = time.time_ns() // 1000 - 60_000_000
STREAM = b"s" * 16


@dataclass
class Town:
    """A cloud's database with its folds, and the list of erasures beside it."""

    database: Database
    apart: KeptApart
    leases: dict[int, Lease]
    seq: int = 0

    def __post_init__(self) -> None:
        self.folding = Folding(self.database, Road().fold, decide, events_max=100)

    def happens(
        self,
        body: AnyBody,
        *identifiers: Identifier,
        store: str | None = "s0001",
        at: int = NOW,
        visit: bytes = b"",
    ) -> None:
        """Let the ledger hold an event that is not folded yet."""
        event = happened(body, *identifiers, store=store, at=at).event
        event = type(event)(
            *(getattr(event, name) for name in event.__struct_fields__[:8]), visit=visit
        )
        self.seq += 1
        source = "store" if store else "web"
        shard = shard_of(TENANT, store or "web-web")
        stream, seq = (STREAM, self.seq) if store else (None, None)
        row = LedgerRow(
            TENANT, store, source, stream, seq, True, at, TAGS[type(body)], encode_event(event), 7
        )
        with self.database.ledger(shard) as connection:
            ledger.append(connection, {shard: [row]})

    def fold(self, now: int = NOW) -> None:
        for _ in range(20):
            with self.database.question(0) as connection:
                behind = pending(connection, self.leases).behind
            if not behind:
                return
            self.folding.step(self.leases, now, behind)

    def erase(self, *identifiers: Identifier, now: int = NOW + 1) -> erasing.Erasure:
        done = erasing.erase(self.database, self.apart, TENANT, identifiers, now, asked_by="a test")
        scrub.finish(self.database)
        return done

    def ask(self, query: str, *values: object) -> list[tuple]:
        with self.database.shopper(TENANT) as connection:
            return connection.execute(query, values).fetchall()

    def events(self) -> list[LedgerEvent]:
        found = []
        for shard in self.leases:
            with self.database.ledger(shard) as connection:
                found += ledger.read(connection, shard, 0)
        return found

    def kinds(self) -> list[str]:
        return sorted(each.event.kind for each in self.events())

    def rows_of(self, *identifiers: Identifier) -> dict[str, int]:
        """How many rows of each table name these identifiers in some form."""
        sought = [each.value for each in identifiers]
        sought += [bytes.fromhex(identifier_id(each)) for each in identifiers]
        found = {}
        for (table,) in self.ask(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace"
        ):
            rows = self.ask(f'SELECT * FROM "{table}"')
            texts = [repr([_bytes(cell) for cell in row]) for row in rows]
            count = sum(any(_said(each, text) for each in sought) for text in texts)
            if count:
                found[table] = count
        return found


def _bytes(cell: object) -> object:
    return bytes(cell).hex() if isinstance(cell, bytes | memoryview) else str(cell).replace("-", "")


def _said(value: bytes, text: str) -> bool:
    return value.hex() in text


@pytest.fixture
def town(cloud_dsn: str, tmp_path: Path) -> Iterator[Town]:
    database = Database(cloud_dsn)
    with database.ledger(0) as connection:
        sell_sample(connection)
        leases = claim(connection, b"w" * 8, 600, 64)
    yield Town(database, KeptApart(tmp_path / "apart" / "erasures.jsonl"), leases)
    database.close()


def lived(town: Town) -> None:
    """Anna and Bo do much, Anna also in the web shop before she shows her code there."""
    town.happens(Viewed(product=TEA), web("c1"), store=None, at=NOW - DAY)
    for who in (ANNA, BO):
        town.happens(Viewed(product=TEA), who, web("c1") if who is ANNA else app("b"), store=None)
        town.happens(Arrival(), who, visit=who.value[:8])
        town.happens(Saved(product="p2"), who, visit=who.value[:8])
        town.happens(Searched("green"), who, visit=who.value[:8])
        town.happens(order("p1", "p2"), who)
    town.happens(Searched("before the code"), visit=ANNA.value[:8])
    town.fold()
    coupons = town.ask(
        "SELECT coupon FROM coupon JOIN identifier ON identifier = owner WHERE identifier.value"
        " = %s",
        ANNA.value,
    )
    for (coupon,) in coupons:
        town.happens(CouponClaimed(coupon=coupon), ANNA)
    town.fold()
    with town.database.ledger(0) as connection:
        count_some(connection, 0)


def test_all_of_a_shopper_goes_and_nothing_of_another(town: Town):
    lived(town)
    of_bo = town.rows_of(BO, app("b"))
    assert {"atom_act", "coupon", "ledger", "link", "identifier"} <= set(
        town.rows_of(ANNA, web("c1"))
    )
    done = town.erase(ANNA)
    assert done.rows > 10
    assert town.rows_of(ANNA, web("c1")) == {}
    assert town.rows_of(BO, app("b")) == of_bo
    # What the visit did before the code was shown went with it.
    assert [each.event.body for each in town.events() if each.event.visit == ANNA.value[:8]] == []
    assert not [
        each
        for each in town.events()
        if isinstance(each.event.body, Searched) and "before" in each.event.body.query
    ]


def test_the_export_tells_what_every_table_holds(town: Town):
    lived(town)
    told = export(town.database, TENANT, [ANNA], NOW, KEY)
    for name in FACTS:
        assert set(told[name]) == {"columns", "rows"}
    assert {row["number"] for row in told["orders"]["rows"]}
    assert "claimed" in {row["act"] for row in told["what_became_of_coupons"]["rows"]}
    town.erase(ANNA)
    told = export(town.database, TENANT, [ANNA], NOW, KEY)
    assert [name for name in FACTS if told[name]["rows"]] == []


def test_a_blank_event_keeps_its_place_so_that_it_is_not_taken_for_a_new_one(town: Town):
    lived(town)
    before = [(each.shard, each.position, each.stream, each.seq) for each in town.events()]
    town.erase(ANNA)
    after = town.events()
    assert [(each.shard, each.position, each.stream, each.seq) for each in after] == before
    blank = next(each for each in after if type(each.event.body) is Blank and each.stream)
    assert blank.event.occurred_at % 3_600_000_000 == 0
    assert (blank.event.identifiers, blank.event.device, blank.event.visit) == ((), "", b"")
    assert town.ask("SELECT DISTINCT checksum FROM ledger WHERE stream IS NOT NULL") == [(7,)]


def test_an_erasure_leaves_marks_that_only_who_has_the_identifier_can_tell(town: Town):
    lived(town)
    done = town.erase(ANNA)
    ((salt,),) = town.ask("SELECT salt FROM erasure_tenant")
    marks = {bytes(mark) for (mark,) in town.ask("SELECT mark FROM erasure_mark")}
    assert marks == {mark_of(each, bytes(salt)) for each in (ANNA, web("c1"))}
    assert town.ask("SELECT erasure, asked_by, pending FROM erasure") == [
        (done.erasure, "a test", [])
    ]
    with town.database.shopper(TENANT) as connection:
        (one,) = receipts.listed(connection, TENANT)
    assert (one.erasure, one.rows, one.finished_at is None) == (done.erasure, done.rows, False)


def test_every_store_is_told_one_item_that_none_replaces(town: Town):
    lived(town)
    first, second = town.erase(ANNA), town.erase(BO)
    rows = town.ask(
        "SELECT store, key, value FROM downlink_key WHERE view = 'erasure' ORDER BY revision"
    )
    assert [(store, key) for store, key, _ in rows] == [
        ("s0001", first.erasure),
        ("s0001", second.erasure),
    ]
    view = decode_view(bytes(rows[0][2]))
    assert isinstance(view, ErasureView)
    assert (view.erased_at, len(view.marks)) == (NOW + 1, 2)
    told = town.ask("SELECT count(*) FROM downlink_key WHERE view = 'shopper'")
    assert told == [(0,)]


def test_what_happened_before_comes_later_and_stays_blank(town: Town):
    lived(town)
    town.erase(ANNA)
    town.happens(Searched("typed offline"), ANNA, at=NOW - 1)
    town.happens(Viewed(product=TEA), web("c1"), store=None, at=NOW - 1)
    town.fold()
    assert town.rows_of(ANNA, web("c1")) == {}
    assert town.kinds().count("searched") == 1  # Bo's


def test_who_comes_again_begins_anew(town: Town):
    lived(town)
    town.erase(ANNA)
    town.happens(Viewed(product=TEA), ANNA, at=NOW + 2)
    town.happens(Searched("of before"), ANNA, at=NOW)
    town.fold(NOW + 3)
    found = town.rows_of(ANNA)
    assert {"identifier", "atom_act", "atom_product"} <= set(found)
    assert found["ledger"] == 1
    assert town.ask(
        "SELECT sum(times) FROM atom_act WHERE act = 'viewed' AND atom = %s::uuid",
        identifier_id(ANNA),
    ) == [(1,)]
    # And can be erased once more.
    town.erase(ANNA, now=NOW + 4)
    assert town.rows_of(ANNA) == {}


def test_an_order_of_which_only_others_told_is_forgotten_too(town: Town):
    def sold(order: str) -> Purchased:
        return Purchased(order, (), 100, "CNY")

    town.happens(sold("till-9@s0001"), ANNA, store=None)
    town.happens(CouponRedeemed("c1", order="till-8"), ANNA)
    town.happens(sold("till-9"), BO, store="s0002")
    town.fold()
    keys = "SELECT order_key FROM order_told ORDER BY order_key"
    assert town.ask(keys) == [("till-8@s0001",), ("till-9@s0001",), ("till-9@s0002",)]
    town.erase(ANNA)
    assert town.ask(keys) == [("till-9@s0002",)]


def test_who_is_not_known_is_kept_out_all_the_same(town: Town):
    town.erase(ANNA)
    town.happens(Arrival(), ANNA, at=NOW)
    town.fold()
    assert town.rows_of(ANNA) == {}


def test_what_somebody_typed_goes_with_the_number_that_was_proven(town: Town):
    """A claim has the value of the proven one: neither lets the other through."""
    typed = key_identifier("claimed_phone", "+86 138 1234 5678", key=KEY)
    proven = key_identifier("phone", "+86 138 1234 5678", key=KEY)
    town.happens(Viewed(product=TEA), proven)
    town.fold()
    town.erase(proven)
    town.happens(Searched("typed before"), typed, at=NOW - 2)
    town.happens(Searched("proven before"), proven, at=NOW - 1)
    town.fold()
    assert town.rows_of(proven) == {}
    assert town.kinds() == ["blank", "blank", "blank"]


def test_a_replay_of_the_ledger_brings_nobody_back(town: Town):
    lived(town)
    town.erase(ANNA)
    for trace in TRACES:
        if trace.table.startswith(("atom_", "identifier", "link", "coupon")):
            with town.database.shopper(TENANT) as connection:
                connection.execute(f"DELETE FROM {trace.table}")
    with town.database.ledger(0) as connection:
        connection.execute("UPDATE shard_fold SET position = 0, day = '2000-01-01'")
    town.folding = Folding(town.database, Road().fold, decide, events_max=100)
    town.fold()
    assert town.rows_of(ANNA, web("c1")) == {}
    assert town.rows_of(BO)["atom_act"] > 0


def test_a_fold_that_began_before_is_waited_for(town: Town):
    """It commits after the marks, with the shopper's events in hand: its facts go all the same."""
    town.happens(Viewed(product=TEA), ANNA)
    shard = shard_of(TENANT, "s0001")
    ready, go_on = threading.Event(), threading.Event()
    road = Road()

    def slow(connection: psycopg.Connection, shard: int, epoch: int, events: Sequence[LedgerEvent]):
        ready.set()
        assert go_on.wait(20)
        return road.fold(connection, shard, epoch, events)

    folding = Folding(town.database, slow, decide, events_max=100)
    fold = threading.Thread(target=lambda: folding.step(town.leases, NOW, {shard: 1}))
    fold.start()
    assert ready.wait(20)
    erase = threading.Thread(target=lambda: town.erase(ANNA))
    erase.start()
    while not town.ask("SELECT FROM erasure_mark"):
        pass
    go_on.set()
    fold.join(20)
    erase.join(20)
    assert town.rows_of(ANNA) == {}


def test_who_is_joined_while_an_erasure_goes_on_is_searched_for_as_well(town: Town):
    """The chore may end its search between the first round and the second, or while it comes."""
    town.happens(Viewed(product=TEA), ANNA)
    town.happens(Searched("words of Anna"), web("c1"), store=None)
    town.fold()
    order = erasing.Order(tenant=TENANT, erasure="e1", erased_at=NOW + 1, asked_by="a test")
    erasing.carry_out(town.database, town.apart, order, {ANNA})
    searching: list[str] = []

    def joined_meanwhile(day: str) -> None:
        if not searching:
            erasing.carry_out(town.database, town.apart, order, {ANNA, web("c1")})
        searching.append(day)

    scrub.finish(town.database, joined_meanwhile)
    assert town.ask("SELECT finished_at FROM erasure") == [(None,)]
    scrub.finish(town.database)
    erasing.carry_out(town.database, town.apart, order, {ANNA, web("c1"), app("a1")})
    assert town.ask("SELECT finished_at FROM erasure") == [(None,)]
    scrub.finish(town.database)
    assert town.rows_of(ANNA, web("c1"), app("a1")) == {}
    assert town.ask("SELECT pending FROM erasure") == [([],)]


def test_all_days_are_searched_of_who_did_nothing_that_is_counted(town: Town):
    """A membership list names them, and a guest's order was given their number long before."""
    long_ago = datetime.now(UTC).date() - timedelta(days=400)
    phone = key_identifier("phone", "+86 138 1234 5678", key=KEY)
    typed = key_identifier("claimed_phone", "+86 138 1234 5678", key=KEY)
    town.happens(Identified(by="list"), ANNA, store=None)
    town.happens(order("p1"), typed, store=None)
    town.fold()
    with town.database.shopper(TENANT) as connection:
        connection.execute(
            f"CREATE TABLE ledger_{long_ago:%Y%m%d} PARTITION OF ledger FOR VALUES"
            f" FROM ('{long_ago}') TO ('{long_ago + timedelta(days=1)}')"
        )
        connection.execute("UPDATE ledger SET day = %s", (long_ago,))
        connection.execute("UPDATE identifier SET since = %s", (NOW - 400 * DAY,))
        connection.execute("UPDATE schema_migration SET applied_at = now() - interval '500 days'")
    town.erase(ANNA)
    assert town.rows_of(ANNA) == {}
    assert town.ask("SELECT touched FROM erasure") == [([long_ago],)]
    assert town.kinds() == ["blank", "purchased"]
    town.happens(Identified(by="code"), phone, store=None)
    town.fold()
    town.erase(phone)
    assert town.kinds() == ["blank", "blank", "blank"]


def test_pairs_of_products_lose_the_shopper_and_empty_ones_go(town: Town):
    lived(town)
    pair = "SELECT sum(viewed_together) FROM product_pair WHERE product = %s AND other = 'p2'"
    assert town.ask(pair, TEA) == [(2,)]
    town.happens(Viewed(product="only-annas"), ANNA)
    town.fold()
    with town.database.ledger(0) as connection:
        count_some(connection, 0)
    assert town.ask("SELECT FROM product_pair WHERE product = 'only-annas'")
    town.erase(ANNA)
    assert town.ask(pair, TEA) == [(1,)]
    assert not town.ask("SELECT FROM product_pair WHERE 'only-annas' IN (product, other)")


def test_what_quarantine_holds_of_the_shopper_is_emptied(town: Town):
    event = encode_event(happened(Searched("x"), ANNA).event)
    others = encode_event(happened(Searched("x"), BO).event)
    with town.database.ledger(0) as connection:
        quarantine.keep(connection, [poison(1, event), poison(2, others)])
    town.erase(ANNA)
    assert town.ask("SELECT first, payload, reason FROM quarantine ORDER BY first") == [
        (1, b"", "erased"),
        (2, others, "a test"),
    ]
    with town.database.ledger(0) as connection:
        assert [each.first for each in quarantine.listed(connection)] == [2]


def test_what_quarantine_holds_of_the_shopper_in_a_packed_message_is_emptied(town: Town):
    """A message that was set aside whole is compressed: its bytes name nobody as they stand."""
    messages = [
        encode(
            Batch(
                stream=STREAM,
                first=1,
                lane="live",
                before=0,
                rows=tuple(
                    encode_event(happened(Searched(f"words {n}"), who).event) for n in range(3)
                ),
            )
        )
        for who in (ANNA, BO)
    ]
    assert not any(who.value in each for who, each in zip((ANNA, BO), messages, strict=True))
    with town.database.ledger(0) as connection:
        quarantine.keep(
            connection,
            [
                replace(poison(number, each), part="message", count=0)
                for number, each in enumerate(messages)
            ],
        )
    town.erase(ANNA)
    assert town.ask("SELECT payload FROM quarantine ORDER BY first") == [(b"",), (messages[1],)]


def poison(first: int, payload: bytes) -> Poison:
    return Poison(
        shard=3,
        tenant=TENANT,
        store="s0001",
        stream=STREAM,
        first=first,
        count=1,
        part="event",
        reason="a test",
        payload=payload,
        quarantined_at=NOW,
    )


def test_a_database_that_was_restored_is_erased_again_before_it_serves(town: Town):
    lived(town)
    town.erase(ANNA)
    forget_erasures(town)
    town.happens(Viewed(product=TEA), ANNA, at=NOW - 1)
    town.fold()
    assert town.rows_of(ANNA)
    assert restoring.erase_again(town.database, town.apart) == 1
    assert town.rows_of(ANNA) == {}
    assert restoring.erase_again(town.database, town.apart) == 0


def forget_erasures(town: Town) -> None:
    """Be a database that was restored from before the erasure."""
    with town.database.shopper(TENANT) as connection:
        for table in ("erasure", "erasure_mark", "erasure_store", "erasure_tenant"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("DELETE FROM downlink_key WHERE view = 'erasure'")
    town.folding = Folding(town.database, Road().fold, decide, events_max=100)


def test_nobody_is_erased_where_the_list_cannot_be_written(town: Town, tmp_path: Path):
    lived(town)
    (tmp_path / "file").write_text("")
    town.apart = KeptApart(tmp_path / "file" / "erasures.jsonl")
    with pytest.raises(KeptApartError, match="cannot be written"):
        town.erase(ANNA)
    assert town.rows_of(ANNA)
    assert town.ask("SELECT FROM erasure") == []


def test_a_line_cut_short_in_the_list_is_passed_over(town: Town):
    town.erase(ANNA)
    with town.apart.path.open("ab") as file:
        file.write(b'{"tenant":"acme","era')
    town.erase(BO)
    assert len(town.apart.all()) == 2
    assert town.apart.path.stat().st_mode & 0o077 == 0


def test_each_table_in_which_a_shopper_may_stand_is_in_a_list(town: Town):
    rows = town.ask(
        "SELECT DISTINCT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0"
        " AND NOT attisdropped AND relnamespace = 'public'::regnamespace AND attname = ANY(%s)",
        sorted(TELLING_COLUMNS),
    )
    listed = {trace.table for trace in TRACES} | set(NOT_TRACES)
    assert {name for (name,) in rows} - listed == set()
    tables = {name for (name,) in town.ask("SELECT relname FROM pg_class")}
    assert listed <= tables


def test_events_of_other_tenants_with_the_same_bytes_stay(town: Town):
    lived(town)
    event = encode_event(happened(Searched("theirs"), ANNA).event)
    shard = shard_of("other", "s0001")
    row = LedgerRow("other", "s0001", "store", STREAM, 1, True, NOW, 8, event, 7)
    with town.database.ledger(shard) as connection:
        ledger.append(connection, {shard: [row]})
    town.erase(ANNA)
    ((kept,),) = town.ask("SELECT row FROM ledger WHERE tenant = 'other'")
    assert decode_event(bytes(kept)).identifiers == (ANNA,)
