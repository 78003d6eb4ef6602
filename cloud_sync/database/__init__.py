"""PostgreSQL: connections, tables and their migrations; the home of psycopg."""

from cloud_sync.database.database import Database, pipelining, retried
from cloud_sync.database.sight import Sight

__all__ = ["Database", "Sight", "pipelining", "retried"]
