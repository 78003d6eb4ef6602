"""Schedules of faults over the product's own decisions: nothing lost, doubled or unreported."""

import pytest

from storebridge.simulation.faults import BESIDES, FAULTS, RESTARTS
from storebridge.simulation.ledger import MemoryLedger
from storebridge.simulation.rules import Rules
from storebridge.simulation.world import EVENTS_MIN, World


@pytest.mark.parametrize("seed", range(200))
def test_every_event_arrives_once_or_is_reported_absent_from_seed(seed: int):
    world = World(seed, Rules())

    findings = world.run()

    assert findings.clean, f"seed {seed}: {findings}"
    assert world.events >= EVENTS_MIN
    assert sum(world.faults.values()) >= 5
    assert any(world.faults[name] for name in RESTARTS)


def test_the_same_seed_brings_about_the_same():
    first, second = World(7, Rules()), World(7, Rules())

    first.run()
    second.run()

    assert first.ledger.events() == second.ledger.events()
    assert first.faults == second.faults


def test_schedules_meet_every_fault_and_what_the_protocol_does_about_it():
    """Otherwise two hundred clean seeds would say little."""
    faults, streams, forked, absent, owners = set(), 0, 0, 0, 0
    for seed in range(1_000, 1_060):
        world = World(seed, Rules())
        world.run()
        faults |= set(world.faults)
        assert isinstance(world.ledger, MemoryLedger)
        streams += len(world.ledger.streams)
        forked += sum(state.forked for state in world.ledger.streams.values())
        absent += sum(map(len, world.ledger.reported().values()))
        owners += len(world.owner_ranks)

    assert faults == {*FAULTS, *BESIDES}
    assert streams > 60
    assert min(forked, absent) > 10
    assert owners > 60
