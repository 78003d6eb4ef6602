"""How much a store keeps, for how long, and what happens then."""

from dataclasses import dataclass
from typing import Literal

Policy = Literal["evict-oldest", "refuse-new"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of the outbox.

    Rows that the cloud has received stay for `kept_after_receipt_s` (at least the cloud's backup
    interval; counted is the time in which the agent runs and hears the cloud), but go first when
    rows or bytes run out. Then "evict-oldest" throws the oldest
    unreceived rows away, counts them and tells the cloud that they are absent; "refuse-new" has
    `record()` raise OutboxFull instead. Bytes are those of the rows, without SQLite's own.
    Below `disk_free_bytes_min` the health check fails.
    """

    rows_max: int = 20_000_000
    rows_policy: Policy = "evict-oldest"
    bytes_max: int = 4 * 1024**3
    bytes_policy: Policy = "evict-oldest"
    age_s_max: int = 90 * 86_400
    age_policy: Policy = "evict-oldest"
    kept_after_receipt_s: int = 86_400
    disk_free_bytes_min: int = 256 * 1024**2
