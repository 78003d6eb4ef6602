"""The one SQLite library of the process: whoever wants SQLite takes it from here.

That of the package `pysqlite3`, which is newer, and the interpreter's own only where there is none
of it: two SQLite libraries in one process void the file locks. sqlite_utils chooses in the same
way, but it takes 3 MB of memory.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        sqlite3 = import_module("pysqlite3")
    except ImportError:
        sqlite3 = import_module("sqlite3")

__all__ = ["sqlite3"]
