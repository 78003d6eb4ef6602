"""`storebridge identity` links, measures, replays and tries, or says why it cannot."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from storebridge.commands.identity import app
from storebridge.simulated.crowd import Crowd, draw_crowd
from tests.test_cloud_sync_identity_linkage import made_up, written


def said(*arguments: object) -> dict:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert (result.exit_code, result.stderr) == (2, "")
    return json.loads(result.stdout)["error"]


def test_records_are_linked_and_the_links_measured(tmp_path: Path):
    plain = written(tmp_path / "people.csv", made_up(150, seed=5))
    packed = tmp_path / "people.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    links = tmp_path / "links.csv"
    about = said("link", packed, "--out", links)
    assert about["ignored_columns"] == ["cluster"]
    with links.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["unique_id", "cluster_id"]
    assert (about["records"], about["clusters"]) == (
        len(rows),
        len({row["cluster_id"] for row in rows}),
    )
    measured = said("evaluate", links, packed, "--truth", "cluster")
    assert measured["f1"] >= 0.95
    assert measured["records"] == len(rows)


def test_events_are_replayed_in_the_order_of_the_file(tmp_path: Path):
    seen = draw_crowd(Crowd(people=40), seed=1)
    lines = [json.dumps(each.line) for each in seen]
    events, out, shared = (
        tmp_path / name for name in ("events.jsonl", "out.jsonl", "shared.jsonl")
    )
    events.write_text("\n".join([*lines, "nonsense", lines[0]]))
    about = said("replay", events, "--out", out, "--shared", shared)
    assert (about["events"], about["rejects"], about["repeated_events"]) == (len(seen), 1, 1)
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert [each["event_id"] for each in answers] == [each.line["event_id"] for each in seen]
    (reject,) = Path(about["rejects_file"]).read_text().splitlines()
    assert json.loads(reject)["content"] == "nonsense"
    demoted = [json.loads(line) for line in shared.read_text().splitlines()]
    assert {"kind", "value", "reason"} == set(demoted[0])


def test_rules_are_tried_before_they_count(tmp_path: Path):
    seen = draw_crowd(Crowd(people=40), seed=1)
    events, rules = tmp_path / "events.jsonl", tmp_path / "rules.toml"
    events.write_text("\n".join(json.dumps(each.line) for each in seen))
    rules.write_text("[web]\nown_max = 1\n")
    tried = said("rules", "try", rules, "--events", events)
    assert tried["would_split"] > tried["would_join"] >= 0
    rules.write_text("")
    tried = said("rules", "try", rules, "--events", events)
    assert (tried["would_split"], tried["would_join"]) == (0, 0)


def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path: Path):
    none, empty = tmp_path / "none", tmp_path / "empty"
    empty.write_bytes(b"")
    rules = tmp_path / "rules.toml"
    assert "there is no file" in refused("link", none, "--out", tmp_path / "out")
    assert "is empty" in refused("link", empty, "--out", tmp_path / "out")
    assert "no column" in refused("evaluate", empty, empty)
    assert "cannot be read" in refused("replay", none, "--out", tmp_path / "out")
    assert "cannot be written" in refused("replay", empty, "--out", tmp_path / "no" / "out")
    for content, complaint in (
        ("[web]\nown = 1\n", "web.own is no rule"),
        ("[web]\nown_max = -1\n", "0 or more"),
        ("[web]\nown_max = 'x'\n", "Expected `int`"),
        ("web = 1\n", "a table of rules"),
        ("[", "no TOML"),
    ):
        rules.write_text(content)
        assert complaint in refused("rules", "try", rules, "--events", empty)


def test_no_output_is_written_over_the_input_or_another_output(tmp_path: Path):
    people = written(tmp_path / "people.csv", made_up(3, seed=1))
    events, out = tmp_path / "events.jsonl", tmp_path / "out.jsonl"
    events.write_text("nonsense\n")
    before = people.read_bytes(), events.read_bytes()
    hard, soft = tmp_path / "hard", tmp_path / "soft"
    hard.hardlink_to(events)
    soft.symlink_to(events)
    rejects = tmp_path / "out.jsonl.rejects.jsonl"
    old = tmp_path / "old.rejects.jsonl"
    old.write_text("nonsense\n")
    for arguments in (
        ("link", people, "--out", people),
        ("link", people, "--out", tmp_path / "x" / ".." / "people.csv"),
        *(("replay", events, "--out", each) for each in (events, hard, soft)),
        ("replay", old, "--out", tmp_path / "old"),
        *(("replay", events, "--out", out, "--shared", each) for each in (events, out, rejects)),
    ):
        assert "are the same file" in refused(*arguments)
    assert (people.read_bytes(), events.read_bytes()) == before
    assert not out.exists()
    assert old.exists()


@pytest.mark.parametrize("rows", ["", "1,\n2,\n", "1,a\n2,b\n"])
def test_a_truth_without_pairs_is_nothing_to_measure_by(rows: str, tmp_path: Path):
    links, truth = tmp_path / "links.csv", tmp_path / "truth.csv"
    links.write_text("unique_id,cluster_id\n1,1\n2,1\n")
    truth.write_text(f"unique_id,cluster\n{rows}")
    assert "nothing to measure" in refused("evaluate", links, truth)


def test_files_that_hold_identifiers_are_their_owners_alone(tmp_path: Path):
    events, out, shared = (tmp_path / name for name in ("events.jsonl", "out", "shared"))
    event = {"event_id": "1", "occurred_at": "2026-01-01T00:00:00Z", "identifiers": []}
    events.write_text(f"{json.dumps(event)}\nnonsense")
    shared.touch(0o644)
    about = said("replay", events, "--out", out, "--shared", shared)
    for private in (shared, Path(about["rejects_file"])):
        assert private.stat().st_mode & 0o777 == 0o600


def test_what_is_no_text_is_refused_without_repeating_its_bytes(tmp_path: Path):
    jpeg, packed = tmp_path / "people.jpg", tmp_path / "people.csv.gz"
    jpeg.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x01\n" + bytes(range(256)))
    packed.write_bytes(gzip.compress(b"unique_id,full_name\n" * 99)[:-9] + b"\x00" * 9)
    out = tmp_path / "out"
    for file, why in ((jpeg, "its first line is no text"), (packed, "damaged or cut off")):
        for arguments in (("link", file, "--out", out), ("evaluate", file, file)):
            assert refused(*arguments).endswith(why)
    for file, why in ((jpeg, "holds no event: line 1"), (packed, "damaged or cut off")):
        said_of_it = refused("replay", file, "--out", out)
        assert why in said_of_it
        assert said_of_it.isprintable()
    assert sorted(tmp_path.iterdir()) == [packed, jpeg]


def test_an_empty_name_is_refused_and_nothing_half_written_stays(tmp_path: Path):
    plain = written(tmp_path / "people.csv", made_up(5, seed=5))
    empty = CliRunner().invoke(app, ["link", str(plain), "--out", ""])
    assert (empty.exit_code, "the name is empty" in empty.stderr) == (2, True)
    (tmp_path / "folder").mkdir()
    assert "cannot be written" in refused("link", plain, "--out", tmp_path / "folder")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "people.csv"]
