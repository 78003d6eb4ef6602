"""One new record is matched as the batch would, from an index that is kept in a file."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cloud_sync.identity.linkage.comparisons import comparisons_of
from cloud_sync.identity.linkage.confidence import (
    Confidence,
    allows_personal_offers,
    confidence_of,
    needs_review,
)
from cloud_sync.identity.linkage.index_file import append, load, save
from cloud_sync.identity.linkage.online import Index
from cloud_sync.identity.linkage.people import People, PeopleError
from cloud_sync.identity.linkage.words import _near, near_to
from storebridge.cli import app
from storebridge.simulated.roll import draw_roll
from tests.test_cloud_sync_identity_linkage import made_up, written

RECORDS, NEW = 600, 60


@pytest.fixture(scope="module")
def people() -> People:
    return draw_roll(RECORDS + NEW, seed=4).people


@pytest.fixture(scope="module")
def saved(people: People, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index") / "people.idx"
    save(Index.of(people.of_records(range(RECORDS))), path)
    return path


@pytest.fixture
def index(saved: Path) -> Index:
    return load(saved)


def new(people: People) -> list[People]:
    return [people.of_records([at]) for at in range(RECORDS, RECORDS + NEW)]


def test_one_record_is_compared_as_it_is_in_the_batch(people: People):
    known = np.arange(RECORDS)
    for comparison in comparisons_of(people):
        for at in (RECORDS, RECORDS + 7, RECORDS + 30):
            batch = comparison.levels(known, np.full(RECORDS, at))
            new = people.of_records([at])
            online = comparison.beside(known, new, np.full(RECORDS, True))
            assert batch.tolist() == online.tolist(), comparison.name
            turned = comparison.beside(known, new, np.full(RECORDS, False))
            assert comparison.levels(np.full(RECORDS, at), known).tolist() == turned.tolist()


def test_words_near_a_few_are_those_that_the_batch_finds():
    chance = random.Random(1)
    vocabulary = sorted(
        {"".join(chance.choices("abce", k=chance.randint(1, 9))) for _ in range(900)}
    )
    few = list(range(0, len(vocabulary), 9))
    expected = {frozenset(pair) for pair in _near(vocabulary) if pair[0] in few or pair[1] in few}
    assert {frozenset(pair) for pair in near_to(few, vocabulary)} == expected
    assert len(expected) > 50


def test_a_saved_index_has_the_same_bytes_and_gives_the_same_answers(
    people: People, saved: Path, tmp_path: Path
):
    fresh = Index.of(people.of_records(range(RECORDS)))
    save(fresh, tmp_path / "again.idx")
    assert (tmp_path / "again.idx").read_bytes() == saved.read_bytes()
    assert (tmp_path / "again.idx").stat().st_mode & 0o077 == 0
    loaded = load(saved)
    assert [fresh.match(each) for each in new(people)] == [
        loaded.match(each) for each in new(people)
    ]


def test_an_accepted_record_is_found_from_then_on(people: People, index: Index, tmp_path: Path):
    path = tmp_path / "grown.idx"
    save(index, path)
    nobody = next(each for each in new(people) if index.match(each).group is None)
    found = index.match(nobody)
    assert index.accept(nobody, None, found.chances) == found.record
    append(index, path)
    again = People(ids=["again"], columns=nobody.columns)
    for known in (index, load(path)):
        assert known.match(again).group == found.record
    with pytest.raises(ValueError, match="in the index already"):
        index.accept(nobody, None, {})


def test_a_line_cut_off_by_a_power_cut_costs_that_record_alone(
    people: People, index: Index, tmp_path: Path
):
    path = tmp_path / "cut.idx"
    save(index, path)
    one, other = new(people)[:2]
    index.accept(one, None, {})
    append(index, path)
    path.write_bytes(path.read_bytes()[:-9])
    cut = load(path)
    assert one.ids[0] not in cut.place
    cut.accept(other, None, {})
    append(cut, path)
    assert load(path).ids == cut.ids


def test_two_programs_do_not_write_over_each_other(people: People, index: Index, tmp_path: Path):
    path = tmp_path / "both.idx"
    save(index, path)
    one, other = new(people)[:2]
    late = load(path)
    index.accept(one, None, {})
    append(index, path)
    late.accept(other, None, {})
    with pytest.raises(PeopleError, match="another program"):
        append(late, path)
    assert load(path).ids == index.ids


def test_a_damaged_index_is_refused(saved: Path, tmp_path: Path):
    path = tmp_path / "damaged.idx"
    lines = saved.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:5], lines[5].replace("r", "x", 1), *lines[6:]]))
    with pytest.raises(PeopleError, match="damaged"):
        load(path)
    path.write_text("".join([lines[0].replace('"version": 1', '"version": 9'), *lines[1:]]))
    with pytest.raises(PeopleError, match="version 9"):
        load(path)
    path.write_text("unique_id,full_name\n")
    with pytest.raises(PeopleError, match="no index"):
        load(path)


def test_personal_offers_need_an_exact_link():
    assert confidence_of(0.999) is Confidence.EXACT
    assert confidence_of(0.999, runner_up=0.4) is Confidence.STRICT
    assert confidence_of(0.99) is Confidence.STRICT
    assert confidence_of(0.6) is Confidence.LOOSE
    allowed = [each for each in (*Confidence, None) if allows_personal_offers(each)]
    assert allowed == [Confidence.EXACT]
    assert not any(needs_review(each) for each in (Confidence.EXACT, None))


def test_a_waterfall_adds_up_to_the_chance_of_the_match(people: People, index: Index):
    one = next(each for each in new(people) if len(index.match(each).chances) == 1)
    found = index.match(one)
    ((at, chance),) = found.chances.items()
    index.accept(one, found.group, found.chances)
    waterfall = index.explain(index.ids[at], one.ids[0])
    assert waterfall.chance == pytest.approx(chance)
    total = waterfall.prior_bits + sum(step.bits for step in waterfall.steps)
    assert waterfall.bits == pytest.approx(max(-40, min(40, total)))


def run(*arguments: object, piped: str = "") -> dict:
    command = ["identity", *map(str, arguments), "--json"]
    result = CliRunner().invoke(app, command, input=piped)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_commands_index_match_accept_and_explain(tmp_path: Path):
    rows = made_up(150, seed=5)
    base, more = written(tmp_path / "base.csv", rows[8:]), written(tmp_path / "new.csv", rows[:8])
    index = tmp_path / "people.idx"
    assert run("index", base, "--out", index)["records"] == len(rows) - 8
    matches = run("match", index, "-", "--accept", piped=more.read_text())["matches"]
    assert [each["unique_id"] for each in matches] == [row["unique_id"] for row in rows[:8]]
    exact = next(each for each in matches if each["confidence"] == "exact")
    assert (exact["accepted"], exact["personal_offers"]) == (True, True)
    person = exact["unique_id"].split("-")[0]
    assert exact["cluster_id"].split("-")[0] == person
    why = run("explain", index, exact["unique_id"], exact["nearest"])
    assert (why["same_cluster"], why["chance"] > 0.9) == (True, True)
    text = CliRunner().invoke(app, ["identity", "explain", str(index), exact["unique_id"], person])
    assert text.exit_code == 2
    readable = CliRunner().invoke(
        app, ["identity", "explain", str(index), exact["unique_id"], exact["nearest"]]
    )
    assert "a chance of" in readable.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("match", "gone.idx", "new.csv"), "there is no file gone.idx"),
        (("explain", "gone.idx", "a", "b"), "there is no file gone.idx"),
        (("index", "gone.csv", "--out", "x.idx"), "there is no file gone.csv"),
    ],
)
def test_what_cannot_be_done_is_said_as_json(arguments: tuple[str, ...], said: str):
    result = CliRunner().invoke(app, ["identity", *arguments, "--json"])
    assert (result.exit_code, result.stderr) == (2, "")
    assert said in json.loads(result.stdout)["error"]
