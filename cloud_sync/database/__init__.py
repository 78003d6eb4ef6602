"""PostgreSQL: connections, tables and their migrations; the home of psycopg."""

from cloud_sync.database.database import Database, pipelining, retried

__all__ = ["Database", "pipelining", "retried"]
