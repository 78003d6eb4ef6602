"""The broker that the operations guide sets up carries what a store and the cloud say, no more."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storebridge.ports import free_port, wait_until_open
from tests.test_wire_link import WAIT_S, Listener
from wire.link import Will
from wire.mqtt import MqttLink
from wire.topics import beat_topic, down_topic, shard_filters, shard_of, state_topic, up_topic

OPERATIONS = Path(__file__).parent.parent / "docs" / "operations.md"
PASSWORDS = {"cloud": "for the cloud", "maru-s0001": "for the store"}
STORE = ("maru", "s0001")
ANOTHERS = up_topic("maru", "s0002", "live")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        assert not os.environ.get("CI"), "mosquitto is not installed, and CI tests everything"
        pytest.skip("needs Debian's mosquitto")
    port = free_port()
    for name, text in re.findall(
        r"```conf\n# (\S+)\n(.*?)```", OPERATIONS.read_text(encoding="utf-8"), re.DOTALL
    ):
        (tmp_path / name).write_text(text.replace("1883", str(port)))
    with (tmp_path / "mosquitto.conf").open("a") as config:
        config.write("user root\n" if os.getuid() == 0 else "")
    for name, password in PASSWORDS.items():
        create = [] if (tmp_path / "passwords").exists() else ["-c"]
        command = ["mosquitto_passwd", *create, "-b", "passwords", name, password]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    broker = subprocess.Popen(
        [program, "-c", "mosquitto.conf"], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    try:
        assert wait_until_open("127.0.0.1", port, timeout_s=WAIT_S)
        yield port
    finally:
        broker.kill()
        broker.wait()


@pytest.fixture
def joined(port: int) -> Iterator[Callable[..., Listener]]:
    """Signs somebody in at the broker, who hears these topics."""
    links: list[MqttLink] = []

    def join(name: str, *topics: str, will: Will | None = None) -> Listener:
        links.append(MqttLink("127.0.0.1", port, name, name, PASSWORDS[name]))
        listener = Listener(links[-1], topics, [will] if will else [])
        return listener.open().until_up()

    yield join
    for link in links:
        link.close()


def test_a_store_is_heard_and_answered_and_speaks_for_no_other(joined: Callable[..., Listener]):
    filters = [*shard_filters(shard_of(*STORE)), *shard_filters(shard_of("maru", "s0002"))]
    cloud = joined("cloud", *dict.fromkeys(filters))
    store = joined(
        "maru-s0001", down_topic(*STORE), will=Will(topic=state_topic(*STORE), payload=b"died")
    )
    assert store.link.publish(ANOTHERS, b"forged")
    said = [(up_topic(*STORE, "live"), b"batch"), (state_topic(*STORE), b"birth")]
    said.append((beat_topic(*STORE), b"beat"))
    for topic, payload in said:
        assert store.link.publish(topic, payload)
    cloud.until(lambda: len(cloud.messages) >= len(said))
    assert sorted(cloud.messages) == sorted(said)
    assert cloud.link.publish(down_topic(*STORE), b"receipt")
    store.until(lambda: store.messages == [(down_topic(*STORE), b"receipt")])
