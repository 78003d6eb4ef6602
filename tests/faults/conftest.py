"""A town for each test of faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import BrokerForTests
from tests.faults.parts import Town, a_town


@pytest.fixture
def town(tmp_path: Path, broker: BrokerForTests, cloud_dsn: str) -> Iterator[Town]:
    """A broker, a line, a database and no process yet; what a test starts ends with it."""
    with a_town(tmp_path, broker, cloud_dsn) as town:
        yield town
