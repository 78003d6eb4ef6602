"""Many threads that put events into one durable queue: ours, or persist-queue's, in a process.

The peer imports the interpreter's own SQLite, which must not share a process with ours; hence
`python -m benchmarks.producers ours|peer PATH PRODUCERS EVENTS_EACH`.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import syncs
from wire.codec import encode_event
from wire.events import Event, Scan

if TYPE_CHECKING:
    from edge_agent.delivery.recorder import Recorder

Put = Callable[[Event], object]


def an_event(number: int) -> Event:
    """Return the scan of a product; `number` tells events apart."""
    return Event(
        occurred_at=1_750_000_000_000_000 + number,
        mono_ms=number,
        boot=1,
        clock=2,
        device="camera-1",
        zone="door",
        identifiers=(),
        body=Scan("product", "EAN13", "4006381333931"),
    )


@contextmanager
def our_queue(path: Path) -> "Iterator[Recorder]":
    """Open a recorder on a file."""
    from edge_agent.database.database import Database
    from edge_agent.delivery.limits import Limits
    from edge_agent.delivery.recorder import Recorder
    from edge_agent.doorbell import Doorbell

    database = Database(path)
    recorder = Recorder(database, Doorbell(), Limits())
    recorder.start()
    yield recorder
    recorder.close()
    database.close()


def produce(put: Put, producers: int, each: int) -> tuple[float, float]:
    """Put events from so many threads at once; returns the seconds, and those of the processor."""
    begin = threading.Barrier(producers + 1)

    def work(first: int) -> None:
        begin.wait()
        for number in range(first, first + each):
            put(an_event(number))

    threads = [threading.Thread(target=work, args=(n * each,)) for n in range(producers)]
    for thread in threads:
        thread.start()
    begin.wait()
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    for thread in threads:
        thread.join()
    return time.monotonic() - began_s, time.process_time() - began_cpu_s


def produce_ours(path: Path, producers: int, each: int) -> tuple[float, float, int]:
    """Record events; returns what `produce` does, and how many commits it took."""
    with our_queue(path) as recorder:
        return *produce(recorder.record, producers, each), recorder.commits


def produce_peers(path: Path, producers: int, each: int) -> tuple[float, float, int]:
    """Put events into persist-queue's queue with acknowledgement, which commits each alone."""
    from persistqueue import SQLiteAckQueue

    queue = SQLiteAckQueue(str(path), multithreading=True, auto_commit=True)
    took = produce(lambda event: queue.put(encode_event(event)), producers, each)
    queue.close()
    return *took, producers * each


QUEUES = {"ours": produce_ours, "peer": produce_peers}


def main() -> None:
    """Run one queue and print the figures as JSON."""
    which, path, producers, each = sys.argv[1:]
    seconds, cpu_s, commits = QUEUES[which](Path(path), int(producers), int(each))
    synced = syncs.counted()
    said = {
        "events": int(producers) * int(each),
        "seconds": seconds,
        "cpu_s": cpu_s,
        "syncs": commits if synced is None else synced,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
