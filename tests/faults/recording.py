"""A store's recorder and uplink as a program of its own, to be frozen, killed and restored.

    python -m tests.faults.recording FOLDER PORT PASSWORD CLIENT FIRST THREADS PAUSE_MS

It says `number seq` on its standard output once `record()` has returned for the event of that
number. Told by SIGUSR1 that this is enough, it says `done commits writes`, and `received` when the
store knows by receipt that the cloud holds everything; it goes on listening until asked to end.
"""

import os
import signal
import sys
import threading
import time
from itertools import count
from pathlib import Path

from edge_agent import health
from edge_agent.clock import StoreClock
from edge_agent.database.database import Database
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder
from edge_agent.delivery.tidy import tidy
from edge_agent.doorbell import Doorbell
from edge_agent.uplink import StoreIdentity, Uplink
from storebridge.parent import when_asked_to_end
from tests.edge_builders import event
from wire.mqtt import MqttLink

TENANT, STORE = "acme", "s0001"
STANDARD_OUTPUT = 1
LOOK_S = 0.05
TIDY_S = 0.5
NUMBERS_PER_THREAD = 100_000


def say(text: str) -> None:
    """Write a line at once and whole, so that a kill cannot tear it."""
    os.write(STANDARD_OUTPUT, f"{text}\n".encode())


def produce(recorder: Recorder, first: int, pause_s: float, enough: threading.Event) -> None:
    for number in count(first):
        say(f"{number} {recorder.record(event(number))}")
        if enough.wait(pause_s) if pause_s else enough.is_set():
            return


def tidy_up(recorder: Recorder, clock: StoreClock, ended: threading.Event) -> None:
    while not ended.wait(TIDY_S):
        tidy(recorder, Limits(), clock.now())


def main() -> None:
    folder, port, password, client, *figures = sys.argv[1:]
    first, threads, pause_ms = map(int, figures)
    enough, ended = threading.Event(), threading.Event()
    signal.signal(signal.SIGUSR1, lambda signum, frame: enough.set())
    when_asked_to_end(ended.set)
    database = Database(Path(folder) / "store.sqlite3")
    recorder = Recorder(database, Doorbell(), Limits())
    link = MqttLink("127.0.0.1", int(port), client, f"{TENANT}-{STORE}", password)
    identity, clock = StoreIdentity(tenant=TENANT, store=STORE), StoreClock(int(time.time()))
    uplink = Uplink(database, recorder, link, clock, identity)
    recorder.start()
    uplink.start()
    threading.Thread(target=tidy_up, args=(recorder, clock, ended), daemon=True).start()
    producers = [
        threading.Thread(
            target=produce,
            args=(recorder, first + number * NUMBERS_PER_THREAD, pause_ms / 1_000, enough),
            daemon=True,
        )
        for number in range(threads)
    ]
    for producer in producers:
        producer.start()
    while not (enough.wait(LOOK_S) or ended.is_set()):
        pass
    enough.set()
    for producer in producers:
        producer.join()
    say(f"done {recorder.commits} {recorder.writes}")
    told = False
    while not ended.wait(LOOK_S):
        received = health.stored_in(database.reader()).queue.rows == 0
        if received and not told:
            say("received")
        told = received
    uplink.close()
    recorder.close()
    database.close()


if __name__ == "__main__":
    main()
