"""The program of one store: what `storebridge agent run` becomes once the configuration is right.

A process of its own without the command line, whose libraries would take a third of its memory.
"""

import logging
import os
import sys
from pathlib import Path

from edge_agent.config import load
from storebridge.assembly import build_agent
from storebridge.parent import when_asked_to_end

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main() -> None:
    """Run the agent of the store that a TOML file describes, until asked to end."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    agent = build_agent(load(Path(sys.argv[1]), os.environ))
    when_asked_to_end(agent.close)
    agent.start()
    agent.wait()


if __name__ == "__main__":
    main()
