"""Products a shopper saved: the cloud's list, with what was tapped in this store since."""

from sqlite_utils.utils import sqlite3

from edge_agent import local_view, visits
from edge_agent.clock import StoreTime
from edge_agent.recorder import Recorder, Writing
from edge_agent.visits import Visit
from wire.events import Saved

# A view decided this much later than a tap has the tap in it, unless the line was cut meanwhile.
SAVE_HOLDS_S = 60


def products(connection: sqlite3.Connection, visit: Visit) -> list[str]:
    """Return the products on the shopper's list, the newest tap in this store counting most."""
    view = local_view.shopper(connection, visit.identifiers)
    saved = dict.fromkeys(() if view is None else view.saved, True)
    decided_at = 0 if view is None else view.decided_at
    for subject in _subjects(visit):
        rows = connection.execute(
            "SELECT product, saved FROM saves WHERE subject = ? AND saved_at > ? ORDER BY saved_at",
            (subject, decided_at - SAVE_HOLDS_S * 1_000_000),
        )
        saved.update({product: bool(on) for product, on in rows})
    return [product for product, on in saved.items() if on]


def save(
    recorder: Recorder, clock: StoreTime, visit: Visit, product: str, saved: bool = True
) -> None:
    """Put a product on the shopper's list, or take it off; a repeated tap records nothing."""

    def change(writing: Writing) -> None:
        if (product in products(writing.connection, visit)) == saved:
            return
        instant = clock.now()
        writing.execute(
            "INSERT INTO saves (subject, product, saved, saved_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (subject, product) DO UPDATE SET saved = excluded.saved,"
            " saved_at = excluded.saved_at",
            (_subjects(visit)[0], product, int(saved), instant.at),
        )
        brand = local_view.brand(writing.connection, product)
        writing.append(visit.event(instant, Saved(product=product, saved=saved), brand=brand))
        visits.touch(writing, instant, visit)

    recorder.write(change)


def _subjects(visit: Visit) -> list[str]:
    """Return in whose name products are saved: the keyed identifiers, or the visit nobody named."""
    return [each.key for each in visit.identifiers] or [f"visit:{visit.visit.hex()}"]
