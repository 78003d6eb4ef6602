"""What waits for a worker: asked in one statement, so that an idle worker costs next to nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from psycopg import Connection

_ASK = """
SELECT ARRAY(SELECT ARRAY[shard, shard_head.position - shard_fold.position]
        FROM shard_head JOIN shard_fold USING (shard)
        WHERE shard = ANY(%(shards)s) AND shard_head.position > shard_fold.position
        ORDER BY shard),
    EXISTS (SELECT FROM downlink WHERE shard = ANY(%(shards)s) AND applied < revision),
    EXISTS (SELECT FROM shopper_due WHERE shard = ANY(%(shards)s)),
    EXISTS (SELECT FROM interest_due)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Work that waits in the shards asked for.

    `behind` counts the events to be folded by shard; `updates` tells whether a store has not
    applied all that is put for it, `shoppers` whether some whom old events touched are undecided,
    `interests` whether pairs of products are uncounted.
    """

    behind: Mapping[int, int] = field(default_factory=dict)
    updates: bool = False
    shoppers: bool = False
    interests: bool = False


def pending(connection: Connection, shards: Collection[int]) -> Pending:
    """Return what waits in these shards now."""
    row = connection.execute(_ASK, {"shards": list(shards)}).fetchone()
    if row is None:
        return Pending()
    behind, updates, shoppers, interests = row
    return Pending(behind=dict(behind), updates=updates, shoppers=shoppers, interests=interests)
