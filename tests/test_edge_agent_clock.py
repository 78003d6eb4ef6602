from edge_agent.clock import EARLIEST_AT, PROBE_S, FixedClock, StoreClock, kernel_quality
from wire.events import Clock

AT = EARLIEST_AT + 1_000_000_000_000


class Machine:
    """The two clocks of a machine, and what its kernel says of them."""

    def __init__(self) -> None:
        self.at, self.mono_s, self.quality, self.probes = AT, 100.0, Clock.FREE, 0

    def probe(self) -> Clock:
        self.probes += 1
        return self.quality

    def pass_time(self, seconds: float) -> None:
        self.at += round(seconds * 1_000_000)
        self.mono_s += seconds

    def clock(self) -> StoreClock:
        return StoreClock(7, wall=lambda: self.at, mono=lambda: self.mono_s, quality=self.probe)


def test_an_instant_names_wall_time_monotonic_time_boot_and_quality():
    machine = Machine()
    now = machine.clock().now()
    assert (now.at, now.mono_ms, now.boot, now.quality) == (AT, 100_000, 7, Clock.FREE)


def test_a_clock_that_jumps_is_not_trusted_until_the_kernel_says_it_is_synchronised():
    machine = Machine()
    clock = machine.clock()
    assert clock.now().quality is Clock.FREE
    machine.at += 10 * 365 * 86_400 * 1_000_000
    assert clock.now().quality is Clock.UNKNOWN
    machine.pass_time(PROBE_S + 1)
    assert clock.now().quality is Clock.UNKNOWN
    machine.quality = Clock.SYNCED
    machine.pass_time(PROBE_S + 1)
    assert clock.now().quality is Clock.SYNCED
    assert clock.jumps == 1


def test_time_that_merely_passes_is_no_jump():
    machine = Machine()
    clock = machine.clock()
    for _ in range(50):
        machine.pass_time(3_600)
        assert clock.now().quality is Clock.FREE
    assert clock.jumps == 0


def test_a_clock_that_lost_its_battery_is_not_trusted():
    machine = Machine()
    machine.at = 0
    machine.quality = Clock.SYNCED
    assert machine.clock().now().quality is Clock.UNKNOWN


def test_the_kernel_is_asked_at_most_once_a_probe_interval():
    machine = Machine()
    clock = machine.clock()
    for _ in range(1_000):
        clock.now()
    assert machine.probes == 1


def test_the_kernel_of_this_machine_gives_an_answer():
    assert kernel_quality() in set(Clock)


def test_a_fixed_clock_stands_still_until_it_is_moved():
    clock = FixedClock(AT)
    assert clock.now() == clock.now()
    clock.advance(1.5)
    assert (clock.now().at, clock.now().mono_ms) == (AT + 1_500_000, 1_500)
    clock.set_wall(0)
    assert (clock.now().at, clock.now().mono_ms) == (0, 1_500)
    assert clock.now().quality is Clock.UNKNOWN
