"""The same schedules over SQLite files and a PostgreSQL, through the product's own SQL."""

from collections.abc import Iterator

import pytest

from cloud_sync.database import Database
from storebridge.simulation.real import real_rules
from storebridge.simulation.world import EVENTS_MIN, World

# The first ones, and those whose schedules found a mistake in the product's own statements.
SEEDS = (*range(19), 422)


@pytest.fixture
def database(cloud_dsn: str) -> Iterator[Database]:
    database = Database(cloud_dsn)
    yield database
    database.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_event_arrives_once_or_is_reported_absent_over_real_files_from_seed(
    seed: int, database: Database
):
    with real_rules(database) as rules:
        world = World(seed, rules)

        findings = world.run()

    assert findings.clean, f"seed {seed}: {findings}"
    assert world.events >= EVENTS_MIN
