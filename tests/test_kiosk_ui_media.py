"""The goods' videos: what a player is given, and what nobody is."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kiosk_ui.media import PART_BYTES_MAX, held, media

FILM = bytes(range(256)) * (PART_BYTES_MAX // 256 + 8)


@pytest.fixture
def player(tmp_path: Path) -> FlaskClient:
    (tmp_path / "tea.mp4").write_bytes(FILM)
    (tmp_path / "tea.mov").write_bytes(b"another kind")
    app = Flask(__name__)
    app.add_url_rule("/media/<name>", "media", lambda name: media(tmp_path, name))
    return app.test_client()


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-", 0, PART_BYTES_MAX),
        ("bytes=100-", 100, 100 + PART_BYTES_MAX),
        ("bytes=5-9", 5, 10),
        (f"bytes={len(FILM) - 3}-", len(FILM) - 3, len(FILM)),
    ],
)
def test_a_player_is_given_no_more_at_once_than_the_server_keeps_for_it(player, asked, first, end):
    answer = player.get("/media/tea.mp4", headers={"Range": asked})
    assert (answer.status_code, answer.data == FILM[first:end]) == (206, True)
    assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(FILM)}"


def test_another_kind_of_file_or_an_impossible_name_is_not_there(player, tmp_path):
    for name in ("tea.mov", "gone.mp4", f"{'x' * 300}.mp4", "..%2ftea.mp4", ".tea.mp4"):
        assert player.get(f"/media/{name}").status_code == 404
    assert not held(tmp_path, "tea.mov")
