import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from storebridge.line import Line


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it hears."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while heard := connection.recv(1000):
                    connection.sendall(heard)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


@pytest.fixture
def line(echo: int) -> Iterator[Line]:
    line = Line("127.0.0.1", echo)
    line.open()
    yield line
    line.close()


def connect(line: Line) -> socket.socket:
    connection = socket.create_connection((line.host, line.port), timeout=5)
    connection.settimeout(5)
    return connection


def test_a_whole_line_carries_both_ways(line: Line):
    with connect(line) as connection:
        connection.sendall(b"hello")
        assert connection.recv(100) == b"hello"
    assert line.bytes_crossed == 10


def test_nothing_crosses_a_cut_line_and_nobody_is_told(line: Line):
    with connect(line) as old:
        old.sendall(b"before")
        assert old.recv(100) == b"before"
        crossed = line.bytes_crossed
        line.cut()
        with connect(line) as new:
            for connection in (old, new):
                connection.sendall(b"into the void")
                connection.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    connection.recv(100)
        assert line.is_cut
        assert line.bytes_crossed == crossed


def test_after_a_cut_old_connections_are_reset_and_new_ones_work(line: Line):
    with connect(line) as old:
        old.sendall(b"x")
        assert old.recv(100) == b"x"
        line.cut()
        line.restore()
        with contextlib.suppress(ConnectionResetError):
            assert old.recv(100) == b""
        with connect(line) as new:
            new.sendall(b"again")
            assert new.recv(100) == b"again"
