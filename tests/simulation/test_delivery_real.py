"""The same schedules over SQLite files and a PostgreSQL, through the product's own SQL."""

from collections.abc import Iterator

import pytest

from cloud_sync.database import Database
from storebridge.simulation.real import real_rules
from storebridge.simulation.world import EVENTS_MIN, World
from tests.conftest import fresh_database

# The first ones, and one that found a mistake in the product's own statements.
SEEDS = (*range(19), 422)


@pytest.fixture(scope="module")
def database(postgres_server: str, cloud_template: str) -> Iterator[Database]:
    """One for all schedules, each of which empties it."""
    with fresh_database(postgres_server, cloud_template) as dsn:
        database = Database(dsn)
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
