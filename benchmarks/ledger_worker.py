"""A cloud worker that stores what it receives, and folds and decides nothing.

`python -m benchmarks.ledger_worker CONFIG`; it ends when its standard input does.
"""

import os
import sys
from pathlib import Path

from cloud_sync.config import load
from cloud_sync.database import Database
from cloud_sync.shoppers.fold import Folded
from cloud_sync.workers.worker import Worker
from wire.mqtt import MqttLink

NOBODY = Folded(touched=set(), live=set(), stores=set())


def main() -> None:
    """Run the worker."""
    config = load(Path(sys.argv[1]), os.environ)
    broker = config.broker
    worker = Worker(
        config,
        Database(config.database.dsn),
        lambda name: MqttLink(broker.host, broker.port, name, broker.username, broker.password),
        lambda _connection, _shard, _epoch, _events: NOBODY,
        lambda _connection, _tenant, _shoppers, _now: [],
    )
    worker.start()
    sys.stdin.read()
    worker.close()


if __name__ == "__main__":
    main()
