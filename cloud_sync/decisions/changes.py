"""A downlink change and the store that it is for."""

from dataclasses import dataclass

from wire.messages import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChange:
    """A downlink change for one store of a tenant."""

    tenant: str
    store: str
    change: Change
