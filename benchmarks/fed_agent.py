"""A store's agent whose reader is shown the codes that stand on its standard input, a line each.

`python -m benchmarks.fed_agent CONFIG`; it ends when its standard input does.
"""

import logging
import os
import sys
from pathlib import Path

from msgspec.structs import replace

from edge_agent.config import load
from hardware.simulated import Feed
from storebridge.assembly import build_agent


def main() -> None:
    """Run the agent and show it what comes."""
    logging.basicConfig(level=logging.WARNING)
    config = load(Path(sys.argv[1]), os.environ)
    feed = Feed()
    devices = tuple(
        replace(device, options={**device.options, "feed": feed}) for device in config.devices
    )
    agent = build_agent(replace(config, devices=devices))
    agent.start()
    for line in sys.stdin:
        feed.show_code(line.strip())
    agent.close()


if __name__ == "__main__":
    main()
