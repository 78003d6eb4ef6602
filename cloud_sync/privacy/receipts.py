"""The stores' answers: each says, signed with its own key, that it has erased a shopper."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import class_row

from cloud_sync.intake.ledger import LedgerEvent
from wire.erasures import is_signed
from wire.events import Erased

LISTED_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReceipt:
    """What one store has answered to an erasure; `answered_at` is None while it has not.

    `verdict` is `signed` (with the key of its first receipt), `another key` or `wrong signature`.
    Times are µs UTC.
    """

    store: str
    erasure: str
    told_at: int | None
    answered_at: int | None
    done_at: int | None
    rows: int | None
    verdict: str
    signer: bytes | None
    signature: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasures:
    """An erasure as it is listed, with the stores' receipts.

    `finished_at`: the ledger was searched; `wiped_at`: the freed bytes were overwritten on disk.
    """

    erasure: str
    erased_at: int
    asked_by: str
    rows: int
    finished_at: int | None
    wiped_at: int | None
    receipts: Sequence[StoreReceipt]


def note(connection: Connection, events: Iterable[LedgerEvent]) -> None:
    """Keep the receipts among these events, each of a store in whose downlink the erasure stands.

    The first key that a store signs with is its own from then on.
    """
    for each in events:
        body = each.event.body
        if isinstance(body, Erased) and each.store is not None:
            verdict = _verdict(connection, each.tenant, each.store, body, each.accepted_at)
            connection.execute(
                "UPDATE erasure_store SET answered_at = %s, done_at = %s, rows = %s, signer = %s,"
                " signature = %s, verdict = %s WHERE tenant = %s AND store = %s AND erasure = %s"
                " AND (answered_at IS NULL OR verdict <> 'signed')",
                (
                    each.accepted_at,
                    min(body.done_at, 2**63 - 1),
                    min(body.rows, 2**63 - 1),
                    body.signer,
                    body.signature,
                    verdict,
                    each.tenant,
                    each.store,
                    body.erasure.replace("\0", ""),
                ),
            )


def listed(connection: Connection, tenant: str, *, unanswered: bool = False) -> list[Erasures]:
    """Return the erasures of a tenant, newest first, LISTED_MAX at most; or those still open."""
    with connection.cursor(row_factory=class_row(StoreReceipt)) as cursor:
        receipts = cursor.execute(
            "SELECT store, erasure, told_at, answered_at, done_at, rows, verdict, signer,"
            " signature FROM erasure_store WHERE tenant = %s ORDER BY store",
            (tenant,),
        ).fetchall()
    rows = connection.execute(
        "SELECT erasure, erased_at, asked_by, rows, finished_at, wiped_at FROM erasure"
        " WHERE tenant = %s ORDER BY erased_at DESC, erasure LIMIT %s",
        (tenant, LISTED_MAX),
    ).fetchall()
    found = [
        Erasures(
            erasure=erasure,
            erased_at=erased_at,
            asked_by=asked_by,
            rows=count,
            finished_at=finished_at,
            wiped_at=wiped_at,
            receipts=[each for each in receipts if each.erasure == erasure],
        )
        for erasure, erased_at, asked_by, count, finished_at, wiped_at in rows
    ]
    if unanswered:
        return [one for one in found if any(r.verdict != "signed" for r in one.receipts)]
    return found


def _verdict(connection: Connection, tenant: str, store: str, receipt: Erased, now: int) -> str:
    if not is_signed(tenant, store, receipt):
        return "wrong signature"
    connection.execute(
        "INSERT INTO store_signer (tenant, store, signer, since) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (tenant, store, receipt.signer, now),
    )
    row = connection.execute(
        "SELECT signer FROM store_signer WHERE tenant = %s AND store = %s", (tenant, store)
    ).fetchone()
    return "signed" if row and bytes(row[0]) == receipt.signer else "another key"
