import threading

from edge_agent.doorbell import Doorbell
from tests.edge_builders import WAIT_S


def test_a_ring_wakes_everybody_who_waits():
    bell = Doorbell()
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(bell.wait(0, WAIT_S))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    bell.ring()
    for thread in threads:
        thread.join(WAIT_S)
    assert counts == [1] * 5


def test_a_ring_before_the_wait_is_not_missed():
    bell = Doorbell()
    seen = bell.count
    bell.ring()
    assert bell.wait(seen, WAIT_S) == 1


def test_a_bell_that_stays_silent_costs_one_poll_interval():
    bell = Doorbell()
    assert bell.wait(0, 0.01) == 0


def test_a_bell_before_another_rings_with_it_and_alone():
    bell = Doorbell()
    first = bell.first()
    first.ring()
    assert (first.count, bell.count) == (1, 0)
    bell.ring()
    assert (first.count, bell.count) == (2, 1)
