"""Zone files are read whole, or refused with every fault named."""

import json
from pathlib import Path

import pytest

from hardware.people.zone_file import ZoneFileError, read_zone_file

TOML = """
[zones.table]
polygon = [[330, 330], [545, 330], [545, 432.5]]
[lines]
door = [[0, 10], [20, 10]]
"""


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    written = tmp_path / "zones.toml"
    written.write_text(TOML)
    zones = read_zone_file(written)
    assert zones.zones == {"table": ((330, 330), (545, 330), (545, 432.5))}
    assert zones.lines == {"door": ((0, 10), (20, 10))}
    same = {"zones": {"table": {"polygon": zones.zones["table"]}}, "lines": zones.lines}
    (tmp_path / "zones.json").write_text(json.dumps(same))
    assert read_zone_file(tmp_path / "zones.json") == zones
    marked = "\ufeff" + (tmp_path / "zones.json").read_text()
    (tmp_path / "zones.json").write_text(marked, encoding="utf-8")
    assert read_zone_file(tmp_path / "zones.json") == zones


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[]", "expects an object"),
        ("{", "zones.json: "),
        ('{"zone": {}}', "zone: no such option; known: zones, lines"),
        ('{"zones": {}}', "neither a zone nor a line"),
        ('{"zones": {"a": {"polygon": [[1, 2]]}}}', "a needs 3"),
        ('{"zones": {"a": {"polygon": [[0, 0], [NaN, 0], [9, 9]]}}}', "no number"),
        ('{"zones": {"a": {"polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}}}', "in pixels"),
        ('{"zones": {"a": {"polygon": [[5, 5], [5, 5], [5, 5]]}}}', "less than a pixel"),
        ('{"zones": {"a": {"polygn": []}}}', "polygn"),
        ('{"lines": {"a": [[1, 2]]}, "zones": 3}', "zones: Expected.*lines: a: Expected"),
        ('{"zones": {"b": {"polygon": [[1], [2, 3], [4, 5]]}}}', "zones: b: Expected"),
        ('{"zones": {"a": {"polygon": [[0, 0], [9, 9], [9, 0], [0, 8]]}}}', "a: its sides cross"),
        ("[" * 100_000, "zones.json: "),
    ],
)
def test_a_wrong_file_is_refused_with_its_faults(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "zones.json").write_text(text)
    with pytest.raises(ZoneFileError, match=complaint):
        read_zone_file(tmp_path / "zones.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ZoneFileError, match=r"nowhere\.toml cannot be read"):
        read_zone_file(tmp_path / "nowhere.toml")
