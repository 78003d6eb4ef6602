"""The screens' server takes its address at once and gives it back at the end."""

import socket
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import requests

from edge_agent.web import WebError, WebServer


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def test_it_serves_from_the_start_to_the_close():
    server = WebServer(hello, "127.0.0.1", 0, 32)
    server.start()
    assert requests.get(f"http://127.0.0.1:{server.port}", timeout=10).text == "hello"
    server.close()
    server.close()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def test_one_that_was_never_started_gives_its_address_back():
    server = WebServer(hello, "127.0.0.1", 0, 32)
    server.close()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_says_what_to_do(host: str):
    with pytest.raises(WebError, match=r"set web\.host and web\.port"):
        WebServer(hello, host, 0, 32)
