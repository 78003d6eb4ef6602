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
    since = {each.key: decided_at - SAVE_HOLDS_S * 1_000_000 for each in visit.identifiers}
    # The cloud cannot have decided over a list that nobody's code stood for.
    since[_unnamed(visit)] = 0
    taps = [
        tap
        for subject, after in since.items()
        for tap in connection.execute(
            "SELECT saved_at, product, saved FROM saves WHERE subject = ? AND saved_at > ?",
            (subject, after),
        )
    ]
    saved.update({product: bool(on) for _, product, on in sorted(taps)})
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
            "DELETE FROM saves WHERE subject = ? AND product = ?", (_unnamed(visit), product)
        )
        writing.execute(
            "INSERT INTO saves (subject, product, saved, saved_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (subject, product) DO UPDATE SET saved = excluded.saved,"
            " saved_at = excluded.saved_at",
            (_subject(visit), product, int(saved), instant.at),
        )
        brand = local_view.brand(writing.connection, product)
        writing.append(visit.event(instant, Saved(product=product, saved=saved), brand=brand))
        visits.touch(writing, instant, visit)

    recorder.write(change)


def _subject(visit: Visit) -> str:
    """Return in whose name products are saved: a keyed identifier, or the visit nobody named."""
    return visit.identifiers[0].key if visit.identifiers else _unnamed(visit)


def _unnamed(visit: Visit) -> str:
    """Return the name of a visit's own list, which goes on when its shopper shows a code later."""
    return f"visit:{visit.visit.hex()}"
