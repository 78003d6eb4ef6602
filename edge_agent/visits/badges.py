"""Badges of staff: who shows one to a reader in a zone works there, and their stay is not counted.

Nothing says who they are, and nothing of it leaves the store.
"""

from edge_agent.delivery.recorder import Writing

BADGES_MAX = 200
KEPT_US = 24 * 3_600_000_000


def show(writing: Writing, zone: str, at: int, away_us: int) -> None:
    """Note that a badge was shown in a zone; its owner may leave it for so long and come back."""
    writing.execute(
        "INSERT INTO badges (zone, shown_at, until, away_us) VALUES (?, ?, ?, ?)",
        (zone, at, at, away_us),
    )
    writing.execute("DELETE FROM badges WHERE until < ?", (at - KEPT_US,))


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
        "UPDATE badges SET until = ?, gone_at = ? WHERE rowid = ?",
        (left_at + away_us, left_at, number),
    )
    return True
