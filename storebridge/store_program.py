"""The program of one store: what `storebridge agent run` becomes once the configuration is right.

A process of its own without the command line, whose libraries would take a third of its memory.
"""

import logging
import os
import sys
from pathlib import Path

from edge_agent.agent import Agent
from edge_agent.codes.seal import SealError
from edge_agent.config import ConfigError, load
from edge_agent.database.database import DatabaseError
from edge_agent.database.migrations import NewerFile
from edge_agent.web import WebError
from storebridge.assembly import build_agent
from storebridge.parent import when_asked_to_end
from wire.link import LinkError

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
NOT_STARTED, WRONG_CONFIGURATION = 1, 2
# The video libraries would write lines at each try to open a camera; the agent says it once.
SPEECHLESS_VIDEO = {"OPENCV_LOG_LEVEL": "FATAL", "OPENCV_FFMPEG_LOGLEVEL": "-8"}

# What may be wrong with the machine when a store starts; each says what to do about it.
START_ERRORS = (DatabaseError, LinkError, NewerFile, SealError, WebError)


def main() -> int:
    """Run the agent of the store that a TOML file describes, until asked to end.

    Returns the exit code; what keeps the store from starting is one line on standard error.
    """
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    os.environ.update(SPEECHLESS_VIDEO | os.environ)
    agent: Agent | None = None
    try:
        agent = build_agent(load(Path(sys.argv[1]), os.environ))
        when_asked_to_end(agent.close)
        agent.start()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_CONFIGURATION
    except START_ERRORS as error:
        if agent is not None:
            agent.close()
        sys.stderr.write(f"the store cannot start: {error}\n")
        return NOT_STARTED
    agent.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
