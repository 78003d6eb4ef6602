"""A file is fetched with patience, within limits, and never half."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cloud_sync.imports.fetching import TRIES_MAX, FetchError, fetch, is_address

CONTENT = b"member,phone\nM1,\n" * 1_000


class Server(ThreadingHTTPServer):
    """Answers with the next of its statuses, and with the content once they are used up."""

    daemon_threads = True
    statuses: list[int]
    asked: int = 0


class Answers(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if status == 302:
            self.send_response(302)
            self.send_header("Location", self.path)
            self.end_headers()
            return
        self.send_response(200 if status == 206 else status)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if status in (200, 206):
            self.wfile.write(CONTENT if status == 200 else CONTENT[:100])

    def log_message(self, *words: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Answers)
    made.statuses = []
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def url(server: Server) -> str:
    return f"http://user:secret@127.0.0.1:{server.server_port}/lists/members.csv?token=secret"


@pytest.mark.parametrize("statuses", [[], [503, 429], [206]], ids=["well", "excuses", "cut"])
def test_a_file_comes_whole_whatever_the_first_answers_were(
    server: Server, tmp_path: Path, statuses: list[int]
):
    server.statuses = list(statuses)
    file = fetch(url(server), tmp_path, rest_s=0.01)
    assert (file.name, file.read_bytes()) == ("members.csv", CONTENT)
    assert server.asked == len(statuses) + 1


@pytest.mark.parametrize(
    ("statuses", "said", "asked"),
    [
        ([404], "answers 404", 1),
        ([503] * 9, "4 tries: it answers 503", TRIES_MAX),
        ([302] * 9, "leads from one address to the next", 6),
    ],
)
def test_what_does_not_come_is_named_without_its_secrets(
    server: Server, tmp_path: Path, statuses: list[int], said: str, asked: int
):
    server.statuses = list(statuses)
    with pytest.raises(FetchError, match=said) as caught:
        fetch(url(server), tmp_path, rest_s=0.01)
    assert "/lists/members.csv" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert server.asked == asked


def test_a_file_above_the_limit_is_given_up(server: Server, tmp_path: Path):
    with pytest.raises(FetchError, match="larger than 1000 bytes"):
        fetch(url(server), tmp_path, bytes_max=1_000)


def test_nobody_there_is_said_after_some_tries(tmp_path: Path):
    with pytest.raises(FetchError, match="could not be fetched in 4 tries: ConnectionError"):
        fetch("http://127.0.0.1:9/none.csv", tmp_path, rest_s=0.01)


def test_only_web_addresses_are_fetched():
    assert is_address("https://example.com/a.csv")
    assert not is_address("file:///etc/passwd")
    assert not is_address("members.csv")
