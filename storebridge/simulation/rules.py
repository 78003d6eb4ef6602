"""What the simulated ends decide by: the product's functions, unless a fault is planted."""

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.delivery.delivery import (
    DeliveryLimits,
    DeliveryState,
    Plan,
    ReceiptOutcome,
    UpdateOutcome,
    next_batch,
    on_receipt,
    on_update,
)
from storebridge.simulation.disk import MemoryDisk
from storebridge.simulation.ledger import MemoryLedger
from storebridge.simulation.seams import Disk, Ledger
from wire.messages import Receipt, Update

OnNext = Callable[[DeliveryState, int, DeliveryLimits], tuple[DeliveryState, Plan | None]]
OnReceipt = Callable[
    [DeliveryState, Receipt, Callable[[int], int | None]], tuple[DeliveryState, ReceiptOutcome]
]
OnUpdate = Callable[[DeliveryState, Update], tuple[DeliveryState, UpdateOutcome]]

# Rows stay so long after their receipt; the oldest backup that is ever restored is younger.
KEPT_MS = 22_000
BACKUP_AGE_MS_MAX = 9_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The decisions of both ends. The defaults are the product; a planted fault changes one.

    `disk` makes the disk of a new stream, `ledger` the database of a new owner, which decides what
    the cloud accepts.

    `puback_is_receipt` lets the broker's word count as the cloud's; `receipt_before_commit` sends
    receipts for what is not committed yet.
    """

    disk: Callable[[bytes], Disk] = MemoryDisk
    ledger: Callable[[bytes], Ledger] = MemoryLedger
    next_batch: OnNext = next_batch
    on_receipt: OnReceipt = on_receipt
    on_update: OnUpdate = on_update
    puback_is_receipt: bool = False
    receipt_before_commit: bool = False
