"""Noisy records are joined without labels: real ones, made-up ones, few, odd and none."""

import csv
import gzip
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from cloud_sync.identity.linkage.clustering import average_linkage
from cloud_sync.identity.linkage.columns import roles_of
from cloud_sync.identity.linkage.evaluation import Evaluation, evaluate
from cloud_sync.identity.linkage.link import link
from cloud_sync.identity.linkage.people import PeopleError, read_column, read_people
from cloud_sync.identity.linkage.text import plain_date, postcode_areas, words
from cloud_sync.identity.linkage.words import are_alike

FIRST = ("anna", "bert", "carla", "dora", "emil", "frida", "georg", "hanna", "igor", "jule", "karl")
LAST = ("abel", "bauer", "conrad", "decker", "ebert", "fuchs", "graf", "huber", "jansen", "keller")
TOWNS = ("ahlen", "bonn", "celle", "dessau", "emden", "fulda", "gotha", "hagen", "jena", "kassel")


def written(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def linked(path: Path) -> Evaluation:
    people = read_people(path)
    groups = dict(zip(people.ids, link(people).groups, strict=True))
    return evaluate(groups, read_column(path, "cluster"))


def made_up(people: int, seed: int) -> list[dict[str, str]]:
    """Return records of made-up people: each one to four times, with slips and gaps."""
    chance = random.Random(seed)
    rows = []
    for person in range(people):
        born = f"{chance.randint(1930, 2005)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        true = {
            "full_name": f"{chance.choice(FIRST)} {chance.choice(LAST)}{chance.randint(10, 99)}",
            "dob": born,
            "birth_place": chance.choice(TOWNS),
            "postcode_fake": f"ab{chance.randint(1, 60)} {chance.randint(1, 9)}cd",
        }
        for copy in range(chance.randint(1, 4)):
            row = {name: "" if chance.random() < 0.1 else value for name, value in true.items()}
            if len(row["full_name"]) > 3 and chance.random() < 0.3:
                at = chance.randrange(len(row["full_name"]))
                row["full_name"] = row["full_name"][:at] + row["full_name"][at + 1 :]
            rows.append({"unique_id": f"{person}-{copy}", "cluster": str(person), **row})
    chance.shuffle(rows)
    return rows


def test_every_fourth_person_of_history_is_found_again(sample_data: Path, tmp_path: Path):
    with gzip.open(sample_data / "records/people.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["cluster"][1:]) % 4 == 0]
    found = linked(written(tmp_path / "people.csv", rows))
    assert found.precision >= 0.97
    assert found.f1 >= 0.93
    assert found.largest <= 60


def test_made_up_people_are_found_again(tmp_path: Path):
    found = linked(written(tmp_path / "people.csv", made_up(300, seed=1)))
    assert found.precision >= 0.98
    assert found.f1 >= 0.95


def test_the_order_of_the_records_changes_nobody(tmp_path: Path):
    rows = made_up(150, seed=6)
    rows += [{**row, "unique_id": f"again-{row['unique_id']}"} for row in rows[::3]]
    found = []
    for seed in range(3):
        people = read_people(written(tmp_path / "people.csv", rows))
        linked = link(people)
        found.append((dict(zip(people.ids, linked.groups, strict=True)), linked.figures))
        random.Random(seed).shuffle(rows)
    assert found[0] == found[1] == found[2]


def test_people_who_are_all_different_stay_apart(tmp_path: Path):
    rows = {row["cluster"]: row for row in made_up(400, seed=2)}
    found = linked(written(tmp_path / "people.csv", list(rows.values())))
    assert found.joined <= 4


@pytest.mark.parametrize("gone", ["dob", "birth_place", "postcode_fake", "full_name"])
def test_a_file_without_a_column_is_linked_by_the_others(gone: str, tmp_path: Path):
    rows = [{key: row[key] for key in row if key != gone} for row in made_up(200, seed=3)]
    assert linked(written(tmp_path / "people.csv", rows)).precision >= 0.8


def test_two_records_alike_are_one_person(tmp_path: Path):
    row = next(row for row in made_up(9, seed=4) if all(row.values()))
    rows = [row, {**row, "unique_id": "other"}]
    assert linked(written(tmp_path / "people.csv", rows)).joined == 1


def test_a_file_of_odd_lines_loses_nobody(tmp_path: Path):
    path = tmp_path / "odd.csv"
    lines = ("unique_id;Full Name;extra", *["1;Zoë Müller;x"] * 2, ";nobody;x", "2;short", "")
    path.write_bytes("\n".join([*lines, "3;;a;b;c"]).encode("cp1252"))
    people = read_people(path)
    assert list(people.ids) == ["1", "2", "3"]
    assert people.columns["Full Name"] == ("name", ["Zoë Müller", "short", ""])
    assert people.ignored == ["extra"]
    assert sum(people.problems.values()) == 5
    assert link(people).groups == ["1", "2", "3"]


@pytest.mark.parametrize("at", [0, 7, 39])
@pytest.mark.parametrize(
    "line",
    ['b,"Bob Smith,Bonn', 'b,Bob "Smith,"Bonn', '"b","Bob Smith', '"b","Bob Smith,"Bonn"'],
)
def test_a_broken_quotation_mark_spoils_no_more_than_its_line(line: str, at: int, tmp_path: Path):
    rows = [f'{each},"Carl ""{each}"" Conrad, of\nsomewhere","Celle"' for each in range(40)]
    rows.insert(at, line)
    path = tmp_path / "people.csv"
    path.write_text("\n".join(["unique_id,full_name,city", *rows]))
    people = read_people(path)
    records = dict(zip(people.ids, people.columns["full_name"][1], strict=True))
    assert records.pop("b").replace('"', "").startswith("Bob Smith")
    assert records == {str(each): f'Carl "{each}" Conrad, of\nsomewhere' for each in range(40)}
    assert sum(people.problems.values()) >= 1


def test_lines_with_a_broken_quotation_mark_are_counted_and_named(tmp_path: Path):
    path = tmp_path / "people.csv"
    path.write_text('unique_id,city\n1,"a\n2,"b\n' + "3,c\n" * 20_000 + '4,"d')
    about = read_people(path).problems
    assert about["lines with a broken quotation mark, read without any: 2, 3, 20004"] == 3


def test_a_file_with_a_header_alone_has_no_people(tmp_path: Path):
    path = tmp_path / "empty.csv"
    path.write_text("unique_id,full_name\n")
    assert link(read_people(path)).groups == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"id,full_name\n1,a\n", "no column 'unique_id'"),
        (b"unique_id,colour\n1,red\n", "no column that says who"),
        (b"\x1f\x8bnot gzip at all", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_linked_says_why(content: bytes, complaint: str, tmp_path: Path):
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(PeopleError, match=complaint):
        read_people(path)


def test_a_chain_of_likenesses_makes_no_group():
    """0-1, 1-2, ... are each likely; the ends have nothing in common."""
    one = np.arange(9)
    joins = average_linkage(10, one, one + 1, np.full(9, 0.9), records_max=60)
    groups = joins.groups_after(int((joins.chances >= 0.5).sum()))
    assert np.bincount(groups).max() == 2


def test_no_group_grows_beyond_its_limit():
    one, other = np.triu_indices(30, 1)
    joins = average_linkage(30, one, other, np.ones(len(one)), records_max=7)
    assert np.bincount(joins.groups_after(len(joins.losers))).max() == 7


def test_the_join_that_brings_a_pair_together_is_found():
    one, other = np.array([0, 0, 2]), np.array([1, 2, 3])
    joins = average_linkage(5, one, other, np.array([0.9, 0.3, 0.8]), records_max=60)
    met = joins.meeting(np.array([0, 2, 1, 0]), np.array([1, 3, 3, 4]))
    assert list(met) == [0, 1, 2, -1]


def test_pairs_are_counted_against_the_truth():
    found = evaluate({"a": 1, "b": 1, "c": 1, "d": 2}, {"a": 1, "b": 1, "c": 2, "d": 2, "e": 2})
    assert (found.joined, found.true, found.right, found.absent) == (3, 4, 1, 1)
    assert (found.precision, found.recall, round(found.f1, 3)) == (1 / 3, 0.25, 0.286)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        *(("1850-11-24", "18501124"), ("24.11.1850", "18501124"), ("18501124", "18501124")),
        *(("1850-1-4", "18500104"), ("18501124.0", "18501124"), ("unknown", "")),
    ],
)
def test_dates_are_read_as_people_write_them(typed: str, plain: str):
    assert plain_date(typed) == plain


def test_texts_are_read_as_people_write_them():
    assert words(("Zoë O'Hara-Smith", "ZOE")) == ("zoe", "ohara", "smith")
    assert postcode_areas("sa46 0eg") == ("sa46 0", "sa46", "sa")
    assert postcode_areas("2606") == ("260", "26", "26")
    assert are_alike("thorburn", "thorburh")
    assert not are_alike("thom", "anna")
    assert roles_of(["Date of Birth", "Post-Code", "soc_sec_id", "cluster"]) == {
        "Date of Birth": "date",
        "Post-Code": "postcode",
        "soc_sec_id": "number",
    }
