"""kill -9 at random moments: what `record()` had returned for is in the ledger, exactly once."""

import random
import threading
import time
from collections.abc import Callable

import pytest
import requests

from storebridge.demo.audit import recorded_in
from storebridge.demo.children import Child
from storebridge.demo.kiosk_client import read_page
from storebridge.ports import free_port, wait_until_open
from tests.cloud_parts import wait_until
from tests.faults.parts import WAIT_S, Town, agent_toml
from tests.faults.recording import STORE
from wire.codec import decode_event
from wire.events import Tapped

KILLS = 2


def moments(seed: int) -> list[float]:
    """How long to wait before each kill, in seconds."""
    rng = random.Random(seed)
    return [rng.uniform(0.05, 0.8) for _ in range(KILLS)]


@pytest.mark.parametrize("seed", [1])
def test_what_many_threads_recorded_survives_the_kill_of_their_process(town: Town, seed: int):
    town.worker()
    store = town.recording()
    for moment_s in moments(seed):
        store.start(threads=8, pause_ms=0)
        store.wait_until_noted(50)
        time.sleep(moment_s)
        store.kill()
    store.start(threads=8, pause_ms=0)
    store.wait_until_noted(200)
    store.finish()
    commits, writes = store.commits_and_writes
    assert writes > 2 * commits, "the threads shared no commits"
    town.check(store)


@pytest.mark.parametrize("seed", [3])
def test_what_was_recorded_survives_the_kill_of_the_cloud_worker(town: Town, seed: int):
    worker, store = town.worker(), town.recording()
    store.start()
    for moment_s in moments(seed):
        store.wait_until_noted(50)
        wait_until(town.places, "the first events of this worker", WAIT_S)
        time.sleep(moment_s)
        worker.kill()
        worker = town.worker()
    store.finish()
    town.check(store)


@pytest.mark.parametrize("seed", [4])
def test_what_was_recorded_survives_the_kill_of_the_broker(town: Town, seed: int):
    town.worker()
    store = town.recording()
    store.start()
    wait_until(town.places, "the first events", WAIT_S)
    for moment_s in moments(seed):
        time.sleep(moment_s)
        town.broker.restart()
        store.wait_until_noted(50)
    store.finish()
    town.check(store)


@pytest.mark.parametrize("seed", [5])
def test_what_was_recorded_survives_whatever_is_killed(town: Town, seed: int):
    rng = random.Random(seed)
    worker, store = town.worker(), town.recording()
    store.start()
    for _ in range(5):
        store.wait_until_noted(30)
        time.sleep(rng.uniform(0, 0.4))
        match rng.choice(["store", "worker", "broker"]):
            case "store":
                store.kill()
                store.start()
            case "worker":
                worker.kill()
                worker = town.worker()
            case _:
                town.broker.restart()
    store.kill()
    store.start()
    store.finish()
    town.check(store)


class Tapper:
    """Somebody who taps on a kiosk's page over HTTP, and notes each tap that was answered."""

    def __init__(self, port: int, name: str) -> None:
        self.url = f"http://127.0.0.1:{port}/kiosk/kiosk-1"
        self.name = name
        self.tried: set[str] = set()
        self.answered: set[str] = set()
        self._http = requests.Session()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._http.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                token = read_page(self._http.get(self.url, timeout=5).text).token
                while not self._ended.is_set():
                    self._tap(token)
            except requests.RequestException:
                self._ended.wait(0.1)  # the agent is gone, until it is started again

    def _tap(self, token: str) -> None:
        target = f"{self.name}-{len(self.tried)}"
        self.tried.add(target)
        form = {"token": token, "visit": "", "kind": "tap", "page": "attract", "target": target}
        answer = self._http.post(f"{self.url}/seen", data=form, timeout=5)
        if answer.status_code == 204:
            self.answered.add(target)


@pytest.mark.parametrize("seed", [7])
def test_what_a_kiosk_has_answered_survives_the_kill_of_the_agent(town: Town, seed: int):
    town.worker()
    port = free_port()
    config = town.folder / "agent.toml"
    config.write_text(agent_toml(town, port))
    tappers = [Tapper(port, f"tapper-{number}") for number in range(4)]

    def answered() -> set[str]:
        return set().union(*(tapper.answered for tapper in tappers))

    agent = start_agent(town, config, port)
    for tapper in tappers:
        tapper.start()
    try:
        for moment_s in moments(seed):
            more(answered, 20)
            time.sleep(moment_s)
            agent.kill()
            agent = start_agent(town, config, port)
        more(answered, 20)
    finally:
        for tapper in tappers:
            tapper.end()
    wait_until(lambda: queue_rows(port) == 0, "the receipt of everything", WAIT_S)
    agent.end()
    places, taps = town.places(), tapped(town)
    assert len(places) == len(set(places))
    assert set(places) == recorded_in(town.folder / "store" / "store.sqlite3")
    assert len(taps) == len(set(taps))
    assert answered() <= set(taps) <= set().union(*(tapper.tried for tapper in tappers))
    assert town.unaccounted() == []


def start_agent(town: Town, config: object, port: int) -> Child:
    agent = town.child("agent", "agent", "run", str(config), log=town.folder / "agent.log")
    assert wait_until_open("127.0.0.1", port, timeout_s=WAIT_S), "the agent serves no screens"
    return agent


def more(answered: Callable[[], set[str]], count: int) -> None:
    enough = len(answered()) + count
    wait_until(lambda: len(answered()) >= enough, f"{count} more answered taps", WAIT_S)


def queue_rows(port: int) -> float:
    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    (line,) = [each for each in text.splitlines() if each.startswith("storebridge_edge_queue_rows")]
    return float(line.split()[1])


def tapped(town: Town) -> list[str]:
    """The targets of the taps in the ledger."""
    rows = town.ask(f"SELECT row FROM ledger WHERE store = '{STORE}'")
    bodies = [decode_event(bytes(row)).body for (row,) in rows]  # type: ignore[arg-type]
    return [body.target for body in bodies if isinstance(body, Tapped)]
