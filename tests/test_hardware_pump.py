"""What a device sends is taken at once, handed out before its end is told, in bounded memory."""

import os
import threading
import time
from pathlib import Path

import pytest

from hardware.scanners.pump import CHUNK_BYTES, HELD_BYTES_MAX, READ_BYTES_MAX, Chunk, Pump
from tests.edge_builders import wait_until

SHORT_S = 0.05
TASKS = Path("/proc/self/task")


def switches(task: str) -> int:
    """How often a thread has gone to sleep so far."""
    status = (TASKS / task / "status").read_text()
    return int(
        next(line for line in status.splitlines() if line.startswith("voluntary")).split()[1]
    )


def a_pump(quiet_s: float = 60, first_quiet_s: float | None = None) -> tuple[Pump, int]:
    near, far = os.pipe()
    os.set_blocking(near, False)
    return Pump(near, quiet_s=quiet_s, first_quiet_s=first_quiet_s), far


def received(chunks: list[Chunk]) -> bytes:
    return b"".join(chunk.received for chunk in chunks)


def test_what_came_before_the_end_is_handed_out_before_the_end_is_told() -> None:
    pump, far = a_pump()
    os.write(far, b"one")
    os.close(far)
    assert received(pump.take(10)) == b"one"
    for _ in range(2):
        with pytest.raises(OSError, match="unplugged"):
            pump.take(10)
    pump.close()


def test_it_takes_while_nobody_asks() -> None:
    pump, far = a_pump()
    os.set_blocking(far, False)
    for _ in range(10):
        os.write(far, b"x" * READ_BYTES_MAX)
    wait_until(lambda: pump._held_bytes >= 10 * READ_BYTES_MAX, "the pump")
    assert len(received(pump.take(0))) == 10 * READ_BYTES_MAX
    os.close(far)
    pump.close()


def test_a_pause_is_told_once_and_only_after_something_came() -> None:
    pump, far = a_pump(quiet_s=SHORT_S)
    assert pump.take(2 * SHORT_S) == []
    os.write(far, b"one")
    assert received(pump.take(10)) == b"one"
    assert [chunk.received for chunk in pump.take(10)] == [b""]
    assert pump.take(2 * SHORT_S) == []
    os.close(far)
    pump.close()


def test_a_pause_after_the_opening_is_told_where_it_is_asked_for() -> None:
    pump, far = a_pump(first_quiet_s=SHORT_S)
    assert [chunk.received for chunk in pump.take(10)] == [b""]
    os.close(far)
    pump.close()


def test_a_device_that_says_nothing_wakes_nobody() -> None:
    before = {each.name for each in TASKS.iterdir()}
    pump, far = a_pump(first_quiet_s=0.01)
    assert received(pump.take(10)) == b""
    (pumping,) = {each.name for each in TASKS.iterdir()} - before
    woken = switches(pumping)
    assert pump.take(0.5) == []
    assert switches(pumping) - woken <= 1
    os.close(far)
    pump.close()


def test_when_nobody_takes_anything_the_kernel_is_left_the_rest_and_nothing_is_lost() -> None:
    pump, far = a_pump()
    sent = os.urandom(3 * HELD_BYTES_MAX)
    writing = threading.Thread(target=lambda: os.write(far, sent))
    writing.start()
    wait_until(lambda: pump._held_bytes >= HELD_BYTES_MAX, "the pump to be full")
    time.sleep(SHORT_S)
    assert pump._held_bytes <= HELD_BYTES_MAX + READ_BYTES_MAX + CHUNK_BYTES
    taken = b""
    while len(taken) < len(sent):
        taken += received(pump.take(10))
    assert taken == sent
    writing.join(10)
    os.close(far)
    pump.close()


def test_a_full_pump_can_be_closed() -> None:
    pump, far = a_pump()
    writing = threading.Thread(target=os.write, args=(far, b"x" * HELD_BYTES_MAX))
    writing.start()
    wait_until(lambda: pump._held_bytes >= HELD_BYTES_MAX, "the pump to be full")
    pump.close()
    writing.join(10)
    os.close(far)
