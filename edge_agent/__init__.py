"""The program in each store: records every event once and keeps the screens answering."""

import sys

# sqlite_utils loads numpy wherever it is installed, for rows that are arrays: 12 MB of a store's
# memory and much of its start. Who needs numpy, as cameras do, imports it afterwards as ever.
if "numpy" not in sys.modules:
    sys.modules["numpy"] = None  # type: ignore[assignment]
    import sqlite_utils  # noqa: F401

    del sys.modules["numpy"]
