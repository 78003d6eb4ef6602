"""Stores that send live events at a fixed pace, whatever becomes of them.

`python -m benchmarks.live_load HOST PORT PASSWORD FIRST STORES PER_S SECONDS MEMBERS` connects the
stores from number FIRST on, prints `ready`, and begins with a line on its standard input. It then
prints what it did, as JSON.
"""

import json
import sys
import time
from collections.abc import Iterator

from benchmarks import backlog
from benchmarks.raw_store import RawStore
from benchmarks.result import percentile
from benchmarks.town import TENANT
from wire.codec import encode_event
from wire.mqtt import MqttLink

# A store sends what happened in so long, as its uplink does while a Batch is under way.
BATCH_EVERY_S = 0.05
# So many people are in a store at once, so that one person's events lie seconds apart.
AT_ONCE = 20
GOODS = 200


def main() -> None:
    """Send, and say how it went."""
    host, port, password, *numbers = sys.argv[1:]
    first, count, per_s, seconds, members = map(int, numbers)
    names = [f"s{number:04}" for number in range(first, first + count)]
    stores = [
        RawStore(MqttLink(host, int(port), name, f"{TENANT}-{name}", password), name)
        for name in names
    ]
    batches = max(1, round(seconds / BATCH_EVERY_S))
    rows_each = max(1, round(per_s / count * BATCH_EVERY_S))
    payloads = [
        list(_payloads(store, batches, rows_each, members, seed))
        for seed, store in enumerate(stores)
    ]
    for store in stores:
        store.open()
    print("ready", flush=True)
    sys.stdin.readline()
    late, refused = _send(stores, payloads)
    for store in stores:
        store.close()
    said = {
        "events": batches * rows_each * count,
        "refused": refused,
        "late_p99_ms": percentile(late, 0.99) * 1_000,
    }
    print(json.dumps(said), flush=True)


def _payloads(
    store: RawStore, batches: int, rows_each: int, members: int, seed: int
) -> Iterator[bytes]:
    count = batches * rows_each
    at = time.time_ns() // 1_000
    made = list(backlog.events(count, at=at, members=members, products=GOODS, seed=seed))
    length = -(-count // AT_ONCE)
    mixed = [each for step in range(length) for each in made[step::length]]
    rows = [encode_event(each) for each in mixed]
    for first in range(0, count, rows_each):
        yield store.batch(rows[first : first + rows_each])


def _send(stores: list[RawStore], payloads: list[list[bytes]]) -> tuple[list[float], int]:
    """Send each store's Batches at its times; returns by how much each was late, in s."""
    began_s = time.monotonic()
    late, refused = [], 0
    for number in range(len(payloads[0])):
        for place, store in enumerate(stores):
            due_s = began_s + (number + place / len(stores)) * BATCH_EVERY_S
            wait_s = due_s - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            late.append(max(0.0, -wait_s))
            refused += not store.send(payloads[place][number])
    return late, refused


if __name__ == "__main__":
    main()
