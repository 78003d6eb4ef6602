"""Records that may be one person's: from a list on disk to a person's word, and back again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cloud_sync.database import Database
from cloud_sync.decisions.decide import decide
from cloud_sync.imports.importing import Import, Progress
from cloud_sync.imports.kinds import KINDS, Setting
from cloud_sync.imports.table_file import open_table
from cloud_sync.intake import ledger
from cloud_sync.review import proposals
from cloud_sync.review.comparing import Compared, Comparer
from cloud_sync.review.proposals import Decision, Proposal
from cloud_sync.road import Road
from cloud_sync.shoppers.identity import shoppers_of
from storebridge.simulated.roll import Roll, draw_roll
from tests.shopper_builders import KEY, NOW, TENANT, sell_sample
from wire.identifiers import Identifier, identifier_id, key_identifier
from wire.topics import shard_of

# A made-up list: the first record of each person stands on the club's list, the second, which is
# mistyped here and there, on the old shop's.
DRAWN = draw_roll(500, seed=11, roll=Roll(extra_max=1, phone_share=0))
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

    def bring(self, rows: list[Mapping[str, str]], source: str, kind: str = "members") -> Progress:
        """Import rows as a list of proven members, and fold them."""
        columns = sorted({column for row in rows for column in row})
        file = self.folder / f"{source}-{len(rows)}.csv"
        lines = [",".join(columns), *(",".join(row.get(c, "") for c in columns) for row in rows)]
        file.write_text("\n".join(lines) + "\n")
        zone = ZoneInfo("Asia/Shanghai")
        setting = Setting(source=source, key=KEY, zone=zone, now=NOW, proven=True)
        done = Import(self.database, TENANT, KINDS[kind], open_table(file, ""), setting).run()
        shard = shard_of(TENANT, f"web-{source}")
        with self.database.ledger(shard) as connection:
            found = ledger.read(connection, shard, self.read.get(shard, 0))
            Road().fold(connection, shard, 1, found)
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


def test_exact(desk: Desk):
    club, old = both_lists()
    print(len(club), len(old))
    print(desk.bring(club, "club"))
    print(desk.compare())
    print(desk.bring(old, "shop"))
    print(desk.compare())
    for each in desk.open():
        print(each.confidence, each.chance, each.because["against"], each.one[:6], each.other[:6])
    assert 0
