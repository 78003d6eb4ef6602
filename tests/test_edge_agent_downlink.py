from pathlib import Path

import pytest

from edge_agent import downlink, local_view
from edge_agent.database.sqlite import sqlite3
from tests.edge_builders import StoreParts, store_in
from wire.messages import Change, Update
from wire.views import SettingView, encode_view

OWNER = b"owner"


def setting(name: str, value: str | None) -> Change:
    return Change("setting", name, None if value is None else encode_view(SettingView(name, value)))


def applied(store: StoreParts) -> tuple[int, bytes]:
    query = "SELECT applied, applied_owner FROM delivery"
    found: tuple[int, bytes] = store.database.reader().execute(query).fetchone()
    return found


def test_the_changes_and_their_revision_stand_together(tmp_path: Path):
    with store_in(tmp_path) as store:
        update = Update(OWNER, 0, 7, (setting("a", "1"), setting("b", "2")))
        assert downlink.apply(store.recorder, update) == 0
        reader = store.database.reader()
        assert [local_view.setting(reader, name) for name in "ab"] == ["1", "2"]
        assert applied(store) == (7, OWNER)


def test_a_key_that_is_gone_is_forgotten(tmp_path: Path):
    with store_in(tmp_path) as store:
        downlink.apply(store.recorder, Update(OWNER, 0, 7, (setting("a", "1"),)))
        downlink.apply(store.recorder, Update(OWNER, 7, 8, (setting("a", None),)))
        assert local_view.setting(store.database.reader(), "a") is None


def test_a_snapshot_replaces_everything(tmp_path: Path):
    with store_in(tmp_path) as store:
        downlink.apply(store.recorder, Update(OWNER, 0, 7, (setting("a", "1"),)))
        snapshot = Update(OWNER, 0, 9, (setting("b", "2"),), snapshot=True)
        downlink.apply(store.recorder, snapshot)
        reader = store.database.reader()
        assert [local_view.setting(reader, name) for name in "ab"] == [None, "2"]


def test_a_change_of_a_later_version_is_counted_and_the_others_are_applied(tmp_path: Path):
    with store_in(tmp_path) as store:
        update = Update(OWNER, 0, 7, (Change("hologram", "x", b"\x01"), setting("a", "1")))
        assert downlink.apply(store.recorder, update) == 1
        assert local_view.setting(store.database.reader(), "a") == "1"


def test_an_update_that_fails_half_way_leaves_nothing_behind(tmp_path: Path):
    broken = Change("setting", None, setting("b", "2").value)  # type: ignore[arg-type]
    with store_in(tmp_path) as store:
        with pytest.raises(sqlite3.IntegrityError):
            downlink.apply(store.recorder, Update(OWNER, 0, 7, (setting("a", "1"), broken)))
        assert local_view.setting(store.database.reader(), "a") is None
        assert applied(store) == (0, b"")
