import socket
from pathlib import Path

from storebridge.ports import PORTS, free_port, wait_until_open

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_no_port_is_given_twice_and_none_that_an_outgoing_connection_could_take():
    given = [free_port() for _ in range(200)]
    assert len(set(given)) == len(given)
    assert set(given) <= set(PORTS)
    assert int(RANGE.read_text().split()[0]) >= PORTS.stop


def test_somebody_who_listens_is_seen_and_nobody_else():
    port = free_port()
    assert not wait_until_open("127.0.0.1", port, timeout_s=0.1)
    with socket.create_server(("127.0.0.1", port)):
        assert wait_until_open("127.0.0.1", port, timeout_s=20)
