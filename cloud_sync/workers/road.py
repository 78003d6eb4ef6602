"""All that is folded from the ledger, in one transaction: figures, shoppers, visits, newcomers."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from psycopg import Connection

from cloud_sync.catalogue import publish_catalogue
from cloud_sync.decisions import visits
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.privacy import receipts
from cloud_sync.publisher import put
from cloud_sync.reports import brand_hour, price_shown, shelf_hour, store_hour
from cloud_sync.shoppers import fold as shoppers
from cloud_sync.shoppers.atoms.by_kind import Sorted, of_kinds
from cloud_sync.shoppers.consent import consents
from cloud_sync.shoppers.fold import Folded
from cloud_sync.shoppers.trade.settling import counted_anew, settle
from wire.events import Consent, Erased
from wire.messages import Change


class Road:
    """The folds of one worker, which remembers the stores that know the catalogue.

    A store counts as knowing it only when a comparison found nothing to tell: what this
    transaction tells may still be undone. Forgetting them, as at each start, costs one comparison
    a store and sends nothing twice.
    """

    def __init__(self) -> None:
        self._knowing: set[tuple[str, str]] = set()

    def fold(
        self, connection: Connection, shard: int, epoch: int, events: Sequence[LedgerEvent]
    ) -> Folded:
        """Fold events of one shard; see `cloud_sync.shoppers.fold.fold`."""
        some = Sorted(events)
        settled = settle(connection, some)
        counted, gone = counted_anew(some, settled)
        store_hour.fold(connection, counted, gone)
        shelf_hour.fold(connection, some)
        brand_hour.fold(connection, counted, gone)
        price_shown.fold(connection, some)
        folded = shoppers.fold(connection, shard, epoch, some, settled)
        consents.note(connection, of_kinds(some, Consent))
        receipts.note(connection, of_kinds(some, Erased))
        visits.note(connection, some)
        new: dict[str, set[str]] = defaultdict(set)
        for tenant, store in folded.stores - self._knowing:
            new[tenant].add(store)
        for tenant in sorted(new):
            told = tell_catalogue(connection, tenant, new[tenant])
            self._knowing |= {(tenant, store) for store in new[tenant] - told}
            folded = replace(folded, told=folded.told or bool(told))
        return folded


def tell_catalogue(connection: Connection, tenant: str, stores: Collection[str]) -> set[str]:
    """Put what these stores do not know of the catalogue on their downlinks, and return which."""
    changes: dict[str, list[Change]] = defaultdict(list)
    for each in publish_catalogue(connection, tenant, stores):
        changes[each.store].append(each.change)
    for store in sorted(changes):
        put(connection, tenant, store, changes[store])
    return set(changes)
