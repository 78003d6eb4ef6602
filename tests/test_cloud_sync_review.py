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
from tests.shopper_builders import KEY, NOW, TENANT, sell_sample
from wire.identifiers import Identifier, identifier_id, key_identifier
from wire.topics import shard_of

SURNAMES = "Abernathy Blythe Carmody Dunmore Ellsworth Farnham Gadsby Holroyd Ingham Jessop".split()
NAMES = "Agatha Bertram Cecily Desmond Edith Fergus Greta Hamish Imogen Jasper".split()
TOWNS = "Ashford Bramley Corby Dorking Esher".split()


def person(at: int) -> dict[str, str]:
    """Return somebody of a list, who is like nobody else on it."""
    return {
        "full_name": f"{NAMES[at % 10]} {SURNAMES[at // 10 % 10]}",
        "birth_date": f"19{50 + at % 45}-{at % 12 + 1:02}-{at * 7 % 28 + 1:02}",
        "postcode": f"{TOWNS[at % 5][:2].upper()}{at % 60 + 10} {at % 9}AB",
        "city": TOWNS[at % 5],
    }


MISTYPED = {"full_name": "Agata Abernaty", "birth_date": "1950-01-10"}


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


def members(many: int = 100) -> list[Mapping[str, str]]:
    return [{"member": f"M{at}", **person(at)} for at in range(many)]


def test_exact(desk: Desk):
    desk.bring(members(), "club")
    print(desk.compare())
    old = [{"email": f"p{at}@example.org", **person(at)} for at in range(10, 40)]
    old.append({"email": "p0@example.org", **person(0), **MISTYPED})
    desk.bring(old, "shop")
    print(desk.compare())
    for each in desk.open():
        print(each)
    assert 0
