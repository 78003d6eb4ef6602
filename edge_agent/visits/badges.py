"""Badges of staff: who shows one to a reader in a zone works there, and is not counted.

Neither is their stay, nor they in the queue, nor, at a door's reader, when they pass its lines.
Nothing says who they are, and nothing of it leaves the store.
"""

from edge_agent.delivery.recorder import Writing

BADGES_MAX = 200
DOORS_MAX = 32
KEPT_US = 24 * 3_600_000_000


def show(
    writing: Writing, zone: str, at: int, away_us: int, *, door: bool = False, again: int = 0
) -> int:
    """Note that a badge was shown in a zone; its owner may leave it for so long and come back.

    At a `door` they pass its lines once within that time. Returns the row; `again` is that of the
    same badge before, whose owner is one person however often they show it.
    """
    same = writing.execute(
        "UPDATE badges SET there = 1, until = max(until, ?), passes = ?,"
        " shown_at = iif(?, ?, shown_at) WHERE rowid = ? AND zone = ? AND (there OR until >= ?)",
        (at, int(door), door, at, again, zone, at),
    )
    if same.rowcount:
        return again
    row = writing.execute(
        "INSERT INTO badges (zone, shown_at, until, away_us, passes) VALUES (?, ?, ?, ?, ?)",
        (zone, at, at, away_us, int(door)),
    ).lastrowid
    writing.execute("DELETE FROM badges WHERE until < ?", (at - KEPT_US,))
    return row or 0


def is_staff(writing: Writing, zone: str, entered_at: int, left_at: int) -> bool:
    """Tell whether a stay is that of somebody who showed a badge.

    It was under way when the badge was shown, or began soon after they had left. One badge is one
    person: of two who stood there the one who leaves first is left out.
    """
    row = writing.execute(
        "SELECT rowid, away_us FROM badges WHERE zone = ? AND gone_at <= ?"
        " AND shown_at <= ? AND until >= ? ORDER BY shown_at LIMIT 1",
        (zone, entered_at, left_at, entered_at),
    ).fetchone()
    if row is None:
        return False
    number, away_us = row
    writing.execute(
        "UPDATE badges SET until = ?, gone_at = ?, there = 0 WHERE rowid = ?",
        (left_at + away_us, left_at, number),
    )
    return True


def there(writing: Writing, zone: str, people: int, before: int, at: int) -> int:
    """Return how many of the people in a zone now are staff, there having been so many before.

    Whoever showed a badge is there until their stay ends or the zone is empty; of those who step in
    while somebody with a badge may be back, it is them.
    """
    rows = writing.execute(
        "SELECT rowid, there FROM badges WHERE zone = ? AND (there OR until >= ?)"
        " ORDER BY shown_at",
        (zone, at),
    ).fetchall()
    if not rows:
        return 0
    if not people:
        sql = (
            "UPDATE badges SET there = 0, until = max(until, ? + away_us) WHERE zone = ? AND there"
        )
        writing.execute(sql, (at, zone))
        return 0
    came = max(0, people - before)
    back = [(number,) for number, is_there in rows if not is_there][:came]
    for number in back:
        writing.execute("UPDATE badges SET there = 1 WHERE rowid = ?", number)
    return min(people, len(back) + sum(1 for _, is_there in rows if is_there))


def passing(writing: Writing, zone: str, people: int, at: int) -> int:
    """Return how many of those who passed a line of a camera in this zone are staff."""
    rows = writing.execute(
        "SELECT rowid FROM badges WHERE zone = ? AND passes AND shown_at <= ?"
        " AND shown_at + away_us >= ? ORDER BY shown_at LIMIT ?",
        (zone, at, at, people),
    ).fetchall()
    for number in rows:
        writing.execute("UPDATE badges SET passes = 0 WHERE rowid = ?", number)
    return len(rows)
