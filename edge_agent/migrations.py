"""The store's tables, as a numbered list of steps from an empty file to the present one."""

from collections.abc import Callable

import sqlite_utils
from sqlite_utils.migrations import Migrations

from edge_agent.migrations_store import m002_store

Migration = Callable[[sqlite_utils.Database], None]


class NewerFile(Exception):
    """The file was written by a later version of the program; install that or a newer one."""


def m001_outbox(tables: sqlite_utils.Database) -> None:
    """Create the outbox and the state of its stream.

    Events of the present stream have the seq `id - base`; rows with an id up to `base` are left
    over from former streams and wait to be recorded again.
    """
    tables.table("outbox").create(
        {
            "id": int,
            "recorded_at": int,
            "before": int,  # the chain checksum of the row before, so that each row can be checked
            "checksum": int,
            "bytes_to": int,  # bytes of all rows ever recorded up to and with this one
            "row": bytes,
        },
        pk="id",
        not_null={"recorded_at", "before", "checksum", "bytes_to", "row"},
        strict=True,
    )
    # The highest number is the present stream; head to absent_rows follow every commit.
    tables.table("stream").create(
        {
            "number": int,
            "stream": bytes,
            "base": int,
            "head": int,
            "checksum": int,
            "bytes_to": int,
            "kept_rows": int,
            "kept_bytes": int,
            "absent_rows": int,
            "watermark": int,
            "ranges": str,
        },
        pk="number",
        not_null={
            "stream",
            "base",
            "head",
            "checksum",
            "bytes_to",
            "kept_rows",
            "kept_bytes",
            "absent_rows",
            "watermark",
            "ranges",
        },
        strict=True,
    )
    # Rows of the present stream that will never be sent, until the cloud has taken note.
    tables.table("absent").create(
        {"first": int, "last": int, "reason": str},
        pk="first",
        not_null={"last", "reason"},
        strict=True,
    )
    # Which seq was received when: rows are kept for a while after their receipt.
    tables.table("received").create(
        {"seq": int, "received_at": int}, pk="seq", not_null={"received_at"}, strict=True
    )
    tables.table("damaged").create(
        {"id": int, "stream": bytes, "seq": int, "found_at": int, "reason": str, "row": bytes},
        pk="id",
        not_null={"stream", "seq", "found_at", "reason", "row"},
        strict=True,
    )
    tables.table("delivery").create(
        {
            "one": int,
            "boot": int,
            "session": int,
            "owner": bytes,
            "applied": int,
            "applied_owner": bytes,
            "heard_at": int,
        },
        pk="one",
        not_null={"boot", "session", "owner", "applied", "applied_owner", "heard_at"},
        strict=True,
    )


# A new step goes to the end with the next number; a released one is never changed.
MIGRATIONS: tuple[tuple[str, Migration], ...] = (
    ("001_outbox", m001_outbox),
    ("002_store", m002_store),
)


def migrate(tables: sqlite_utils.Database) -> None:
    """Bring the tables of a file to the present form, each step in its own transaction.

    Raises NewerFile when the file knows steps that this program does not.
    """
    steps = Migrations("store")
    for name, step in MIGRATIONS:
        steps(name=name)(step)
    unknown = {done.name for done in steps.applied(tables)} - {name for name, _ in MIGRATIONS}
    if unknown:
        raise NewerFile(
            f"the file has steps this version does not know: {', '.join(sorted(unknown))}; "
            "start the version that wrote it, or a newer one"
        )
    steps.apply(tables)
