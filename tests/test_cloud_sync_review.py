"""Records that may be one person's: from a list on disk to a person's word, and back again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from cloud_sync.database import Database, Sight
from cloud_sync.decisions.channel import channel_view
from cloud_sync.decisions.decide import decide
from cloud_sync.identity.linkage.confidence import Confidence
from cloud_sync.identity.links import Joined
from cloud_sync.imports.importing import Import, Progress
from cloud_sync.imports.kinds import KINDS, Setting
from cloud_sync.imports.table_file import open_table
from cloud_sync.intake import ledger
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.privacy.erasing import erase
from cloud_sync.privacy.kept_apart import KeptApart
from cloud_sync.privacy.watch import Watch
from cloud_sync.review import proposals, telling
from cloud_sync.review.comparing import Compared, Comparer
from cloud_sync.review.proposals import Decision, Limits, Proposal, State
from cloud_sync.review.worth import worth_of
from cloud_sync.shoppers.consent.consents import consents_of
from cloud_sync.shoppers.graph import said, words
from cloud_sync.shoppers.graph.identity import shoppers_of
from cloud_sync.shoppers.graph.whole_graph import set_right
from cloud_sync.shoppers.profiles.profile import ActFacts, MoneyFacts, Profile, profiles_of
from cloud_sync.workers.road import Road
from storebridge.simulated.roll import Roll, draw_roll
from tests.shopper_builders import (
    DAY,
    KEY,
    NOW,
    TENANT,
    email,
    fold_all,
    happened,
    member,
    sell_sample,
    web,
)
from wire.events import Arrival, Consent, Saved
from wire.identifiers import Identifier, identifier_id, key_identifier
from wire.topics import shard_of
from wire.views import decode_view

# A made-up list: the first record of each person stands on the club's list, the second, which is
# mistyped here and there, on the old shop's.
DRAWN = draw_roll(
    240, seed=11, roll=Roll(extra_max=1, phone_share=0, slip_share=0.5, gap_share=0.3)
)
COLUMNS = {"given_name": "first_name", "surname": "last_name", "date_of_birth": "birth_date"}
COLUMNS |= {"suburb": "city", "postcode": "postcode", "address_1": "address"}


def row(at: int) -> dict[str, str]:
    """Return a record as a list writes it."""
    found = {
        COLUMNS[name]: of[at] for name, (_, of) in DRAWN.people.columns.items() if name in COLUMNS
    }
    day = found["birth_date"]
    return found | {"birth_date": f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 else day}


def both_lists() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the club's list by membership code and the old shop's by e-mail address."""
    club: dict[str, dict[str, str]] = {}
    old = []
    for at, record in enumerate(DRAWN.people.ids):
        person = DRAWN.truth[record]
        if person in club:
            old.append({"email": f"{person}@example.org", **row(at)})
        else:
            club[person] = {"member": person, **row(at)}
    return list(club.values()), old


@dataclass
class Desk:
    """A cloud to which lists are brought."""

    database: Database
    comparer: Comparer
    folder: Path
    read: dict[int, int]

    def bring(
        self, rows: Sequence[Mapping[str, str]], source: str, *, proven: bool = True
    ) -> Progress:
        """Import rows as a list of members, and fold them."""
        columns = sorted({column for row in rows for column in row})
        file = self.folder / f"{source}-{len(rows)}.csv"
        lines = [",".join(columns), *(",".join(row.get(c, "") for c in columns) for row in rows)]
        file.write_text("\n".join(lines) + "\n")
        zone = ZoneInfo("Asia/Shanghai")
        setting = Setting(source=source, key=KEY, zone=zone, now=NOW, proven=proven)
        done = Import(self.database, TENANT, KINDS["members"], open_table(file, ""), setting).run()
        shard = shard_of(TENANT, f"web-{source}")
        with self.database.ledger(shard) as connection:
            found = ledger.read(connection, shard, self.read.get(shard, 0))
            watch = Watch()
            watch.ask(connection)()
            Road().fold(connection, shard, 1, watch.left(connection, found))
        self.read[shard] = max([self.read.get(shard, 0), *(each.position for each in found)])
        return done

    def compare(self) -> Compared:
        return self.comparer.compare(TENANT, NOW)

    def open(self) -> list[Proposal]:
        with self.database.shopper(TENANT) as connection:
            return list(proposals.today(connection, TENANT, NOW).proposals)

    def decide(self, proposal: str, decision: Decision, now: int = NOW) -> Proposal:
        with self.database.shopper(TENANT) as connection:
            return proposals.decide(
                connection, TENANT, proposal, decision, because="asked", source="hq/li", now=now
            )

    def listed(self, state: State) -> list[Proposal]:
        with self.database.shopper(TENANT) as connection:
            return proposals.listed(connection, TENANT, state)

    def both(self, held: Proposal) -> tuple[str, str]:
        with self.database.shopper(TENANT) as connection:
            found = proposals.shoppers_now(connection, TENANT, held)
        return found[held.one], found[held.other]

    def shopper(self, kind: str, plain: str) -> str:
        key = (TENANT, identifier_id(key_identifier(kind, plain, key=KEY)))
        with self.database.shopper(TENANT) as connection:
            return shoppers_of(connection, [key])[key]


@pytest.fixture
def desk(cloud_dsn: str, tmp_path: Path) -> Iterator[Desk]:
    database = Database(cloud_dsn)
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
    yield Desk(database, Comparer(database, {TENANT: KEY}), tmp_path, {})
    database.close()


def test_of_a_list_with_noisy_twins_the_exact_are_joined_and_the_others_proposed(desk: Desk):
    club, old = both_lists()
    desk.bring(club, "club")
    desk.compare()
    desk.bring(old, "shop")
    done = desk.compare()
    named = [each for each in old if each["first_name"] or each["last_name"]]
    assert (done.compared, done.left) == (len(named), 0)
    assert done.joined > 10
    assert done.proposed > 2
    joined, open_now = desk.listed("joined"), desk.open()
    assert len(joined) == done.joined
    assert {each.confidence for each in joined} == {"exact"}
    assert {each.decided_by for each in joined} == {proposals.RECORDS}
    assert {each.confidence for each in open_now} <= {"strict", "loose"}
    same = [
        (desk.shopper("member", each["email"].split("@")[0]), desk.shopper("email", each["email"]))
        for each in old
    ]
    # Each exact one is right, and what is proposed joins nobody.
    assert sum(one == other for one, other in same) == done.joined
    assert not any(one == other for each in open_now for one, other in [desk.both(each)])
    # What was compared is not compared again, and a proposal shows both records and why.
    assert desk.compare() == Compared()
    with desk.database.seen_by(Sight(tenant=TENANT)) as connection:
        shown = telling.plain_whole(connection, TENANT, KEY, open_now[0].proposal)
    sources = {record["source"] for side in shown["records"].values() for record in side}
    assert sources == {"club", "shop"}
    assert shown["because"]["waterfall"]["steps"]
    # One database alone tells nobody's name.
    with desk.database.shopper(TENANT) as connection:
        held = connection.execute("SELECT sealed FROM person_record").fetchall()
        rest = connection.execute("SELECT because::text FROM join_proposal").fetchall()
    name = club[0]["last_name"].encode()
    assert len(name) > 3
    assert not any(name in bytes(sealed) for (sealed,) in held)
    assert not any(name.decode() in text for (text,) in rest)


def test_what_is_exact_and_cannot_be_joined_is_left_to_people(desk: Desk):
    club, old = both_lists()
    desk.bring(club, "club")
    desk.compare()
    desk.bring(old, "shop")
    with desk.database.shopper(TENANT) as connection:
        for each in old:  # as a ladder does with the address of a family
            shared = key_identifier("email", each["email"], key=KEY)
            said.demote(
                connection, TENANT, identifier_id(shared), because="many use it", source="test"
            )
    done = desk.compare()
    assert (done.joined, done.left) == (0, 0)
    assert "exact" in {each.confidence for each in desk.open()}
    with desk.database.shopper(TENANT) as connection:
        said_of = connection.execute("SELECT DISTINCT word FROM identity_word").fetchall()
    assert said_of == [("demoted",)]


ANNA, SHOP = member("M1"), email("anna@example.org")
TEA = "6901234000016"
TWINS = (identifier_id(ANNA), identifier_id(SHOP))


def lived(desk: Desk, *more: LedgerEvent) -> None:
    """Let a member and somebody in the old shop be seen, who may be one."""
    events = [
        happened(Arrival(), ANNA),
        happened(Saved(product=TEA), SHOP, store=None),
        *more,
    ]
    with desk.database.shopper(TENANT) as connection:
        fold_all(connection, events)


def proposed(desk: Desk, pair: tuple[str, str] = TWINS, worth: int = 100) -> str:
    with desk.database.shopper(TENANT) as connection:
        because = {"waterfall": {}, "worth": {"currency": "CNY"}, "against": []}
        level = Confidence.STRICT
        assert proposals.propose(connection, TENANT, pair, level, 0.97, worth, because, NOW)
    return next(each.proposal for each in desk.open() if {each.one, each.other} == {*pair})


def offers(desk: Desk) -> list[str]:
    """Return the products that the member would be offered something for, in the store."""
    with desk.database.shopper(TENANT) as connection:
        changes = decide(connection, TENANT, [TWINS[0]], NOW)
    views = [decode_view(each.change.value) for each in changes if each.change.value]
    return sorted({coupon.product for each in views for coupon in each.coupons})


def test_a_person_joins_two_personal_offers_appear_and_the_join_is_undone(desk: Desk):
    lived(desk)
    name = proposed(desk)
    assert offers(desk) == []
    done = desk.decide(name, "join")
    assert (done.state, done.decided_by, done.decided_because) == ("joined", "hq/li", "asked")
    assert desk.both(done) == (TWINS[0], TWINS[0])
    assert offers(desk) == [TEA]
    with desk.database.shopper(TENANT) as connection:
        (word,) = words.read(connection, TENANT, TWINS)
    assert isinstance(word, Joined)
    assert word.source == "hq/li"
    assert "strict, chance 0.9700" in word.because
    with pytest.raises(proposals.ProposalError, match="before, by hq/li"):
        desk.decide(name, "join")
    desk.decide(name, "apart")
    assert len(set(desk.both(done))) == 2
    assert offers(desk) == []
    desk.decide(name, "join")
    assert offers(desk) == [TEA]


def test_what_is_not_the_same_stays_apart_whatever_comes_after(desk: Desk):
    lived(desk)
    done = desk.decide(proposed(desk), "apart")
    cookie = web("c1")
    seen = [happened(Arrival(), each, cookie, store=None) for each in (ANNA, SHOP, ANNA)]
    with desk.database.shopper(TENANT) as connection:
        fold_all(connection, seen)
    set_right(desk.database, TENANT)
    assert len(set(desk.both(done))) == 2
    assert desk.open() == []
    with desk.database.shopper(TENANT) as connection:
        # Nor is any other pair of the two proposed.
        assert proposals.was_proposed(connection, TENANT, [TWINS[1]], [TWINS[0]])


def test_people_are_shown_so_many_a_day_those_first_that_are_worth_most(desk: Desk):
    lived(desk, *(happened(Arrival(), member(f"N{at}")) for at in range(6)))
    pairs = [(identifier_id(member(f"N{at}")), TWINS[1]) for at in range(6)]
    for at, pair in enumerate(pairs):
        proposed(desk, pair, worth=at)
    with desk.database.shopper(TENANT) as connection:
        proposals.set_limits(connection, TENANT, Limits(a_day=3, days=14))
    assert [each.worth for each in desk.open()] == [5, 4, 3]
    desk.decide(desk.open()[0].proposal, "apart")
    assert [each.worth for each in desk.open()] == [4, 3]
    desk.decide(desk.open()[0].proposal, "apart")
    desk.decide(desk.open()[0].proposal, "apart")
    assert desk.open() == []
    with desk.database.shopper(TENANT) as connection:
        tomorrow = proposals.today(connection, TENANT, NOW + DAY + 1)
    assert ([each.worth for each in tomorrow.proposals], tomorrow.waiting) == ([2, 1, 0], 3)


def test_a_proposal_that_nobody_looks_at_expires_and_joins_nobody(desk: Desk):
    lived(desk)
    name = proposed(desk)
    with desk.database.shopper(TENANT) as connection:
        assert proposals.expire(connection, 100) == 0
        assert proposals.today(connection, TENANT, NOW + 15 * DAY).proposals == []
        connection.execute("UPDATE join_proposal SET expires_at = 1")
        assert proposals.expire(connection, 100) == 1
        assert proposals.was_proposed(connection, TENANT, [TWINS[0]], [TWINS[1]])
    (expired,) = desk.listed("expired")
    assert (expired.proposal, len(set(desk.both(expired)))) == (name, 2)


def test_worth_is_the_chance_times_what_both_paid_the_fresher_the_more():
    fresh = Profile(
        money={"CNY": MoneyFacts(2, 10_000, 2_000), "JPY": MoneyFacts(1, 50, 0)},
        acts={(NOW // DAY, "purchased"): ActFacts(1, 1, NOW, NOW)},
    )
    old = Profile(
        money={"CNY": MoneyFacts(1, 4_000, 0)},
        acts={(NOW // DAY - 180, "purchased"): ActFacts(1, 1, NOW, NOW)},
    )
    worth = worth_of([fresh, old], 0.5, NOW)
    assert (worth.currency, worth.cents) == ("CNY", (8_000 + 2_000) // 2)
    assert worth_of([Profile(), Profile()], 0.99, NOW).cents == 0


def test_who_is_known_by_what_was_typed_alone_is_offered_nothing_personal(desk: Desk):
    guest = {"full_name": "Anna Abernathy", "phone": "13912345678", "city": "Ashford"}
    agreed = {"marketing": "yes", "consent_profiling": "yes", "joined_at": "2026-01-02"}
    desk.bring([{**guest, **agreed}], "shop", proven=False)
    with desk.database.shopper(TENANT) as connection:
        kind, value, shopper = connection.execute(
            "SELECT kind, value, replace(identifier::text, '-', '') FROM identifier"
        ).fetchone() or ("", b"", "")
        assert kind == "record"
        typed = Identifier(kind=kind, value=bytes(value))
        fold_all(connection, [happened(Arrival(), typed), happened(Saved(product=TEA), typed)])
        members = {(TENANT, shopper): [typed]}
        assert profiles_of(connection, members)[TENANT, shopper].consented
        decide(connection, TENANT, [shopper], NOW)
        assert connection.execute("SELECT count(*) FROM coupon").fetchone() == (0,)
        shown = channel_view(connection, TENANT, [typed], NOW)
        assert (shown.consented, list(shown.coupons), list(shown.recommended)) == (False, [], [])


def test_an_erased_person_is_in_no_record_and_no_proposal(desk: Desk, tmp_path: Path):
    typed = {"full_name": "Anna Abernathy", "phone": "13912345678", "city": "Ashford"}
    desk.bring([{"member": "M1", "full_name": "Anna Abernathy", "phone": "13912345678"}], "club")
    desk.bring([typed], "shop", proven=False)
    lived(desk)
    proposed(desk)
    apart = KeptApart(tmp_path / "erasures.jsonl")
    erase(desk.database, apart, TENANT, [ANNA], NOW + DAY, asked_by="her")
    # The same list once more brings nothing of her back.
    again = {"member": "M1", "full_name": "Anna Abernathy", "joined_at": "2026-01-02"}
    desk.bring([again], "again")
    with desk.database.shopper(TENANT) as connection:
        for table in ("person_record", "join_proposal"):
            assert connection.execute(f"SELECT * FROM {table}").fetchall() == []
        kinds = connection.execute("SELECT DISTINCT kind FROM identifier").fetchall()
    assert kinds == [("email",)]


def test_no_other_tenant_and_no_brand_sees_a_record_or_a_proposal(desk: Desk):
    desk.bring([{"member": "M1", "full_name": "Anna Abernathy"}], "club")
    lived(desk)
    proposed(desk)
    counts = {}
    for table in ("person_record", "join_proposal"):
        for tenant in (TENANT, "other"):
            with desk.database.seen_by(Sight(tenant=tenant)) as connection:
                found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            counts[table, tenant] = found[0] if found else 0
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            desk.database.seen_by(Sight(tenant=TENANT, brand="maru")) as connection,
        ):
            connection.execute(f"SELECT count(*) FROM {table}")
    assert counts == {
        (table, tenant): int(tenant == TENANT)
        for table in ("person_record", "join_proposal")
        for tenant in (TENANT, "other")
    }


def test_what_a_list_says_was_agreed_to_counts_with_version_time_and_place(desk: Desk):
    said = {"consent_version": "v3", "consent_place": "s0007", "consent_at": "2026-03-04 05:06"}
    rows = [
        {"member": "M1", "marketing": "是", "consent_profiling": "no", **said},
        {"member": "M2", "marketing": "yes"},
        {"member": "M3", "marketing": "perhaps", **said},
        {"member": "M4", "marketing": "no"},
    ]
    done = desk.bring(rows, "club")
    assert (done.accepted, done.rejected) == (2, 2)
    rejects = (desk.folder / "club-4.csv.rejects.csv").read_text()
    assert "consent_at: a consent needs its time" in rejects
    assert "marketing: expected yes, no or nothing" in rejects
    ids = {code: (TENANT, identifier_id(member(code))) for code in ("M1", "M4")}
    with desk.database.shopper(TENANT) as connection:
        found = consents_of(connection, {ids["M1"]: [ANNA], ids["M4"]: [member("M4")]})
        offered = found[ids["M1"]]["offers"]
        at = datetime(2026, 3, 4, 5, 6, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
        assert (offered.given, offered.by) == (True, "shopper")
        assert (offered.version, offered.via, offered.place) == ("v3", "club", "s0007")
        assert offered.said_at == int(at * 1e6)
        assert not found[ids["M1"]]["profiling"].given
        assert not found[ids["M4"]]["offers"].given
    # A withdrawal that came after the list was written outlives the list.
    withdrawn = happened(Consent(purpose="offers", given=False), ANNA)
    with desk.database.shopper(TENANT) as connection:
        Road().fold(connection, withdrawn.shard, 1, [withdrawn])
    desk.bring([*rows[:1], {"member": "M9"}], "club")
    with desk.database.shopper(TENANT) as connection:
        found = consents_of(connection, {ids["M1"]: [ANNA]})
    assert not found[ids["M1"]]["offers"].given
