"""Leave to push or pass on: whoever sends something about shoppers must hold it.

    leave = allowed(connection, tenant, shoppers, "push")
    send(leave, message)          takes an Allowed, and asks it for whom

An Allowed can be made by `allowed` alone, and names those who gave their consent when it was made.
"""

from collections.abc import Collection
from typing import Final, final

from psycopg import Connection

from cloud_sync.shoppers.consent.consents import PURPOSES, consents_of
from cloud_sync.shoppers.graph.identity import members_of

_MADE_HERE: Final = object()


@final
class Allowed:
    """Leave to use what is known of some shoppers of a tenant for one purpose, just now."""

    __slots__ = ("purpose", "shoppers", "tenant")

    def __init__(
        self, tenant: str, purpose: str, shoppers: frozenset[str], *, made_by: object
    ) -> None:
        """Refuse to be made anywhere but in `allowed`."""
        if made_by is not _MADE_HERE:
            raise TypeError("leave is given by `allowed`, which asks for the consent, alone")
        self.tenant = tenant
        self.purpose = purpose
        self.shoppers = shoppers

    def __contains__(self, shopper: object) -> bool:
        """Tell whether a shopper, by current shopper ID, is among those who gave leave."""
        return shopper in self.shoppers


def allowed(
    connection: Connection, tenant: str, shoppers: Collection[str], purpose: str
) -> Allowed:
    """Return leave for those of the shoppers, by current shopper ID, who consent to a purpose.

    Raises ValueError for a purpose that is none: nobody can have consented to it.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"{purpose!r} is no purpose; known: {', '.join(PURPOSES)}")
    members = members_of(connection, [(tenant, shopper) for shopper in sorted(set(shoppers))])
    given = consents_of(connection, members)
    consenting = frozenset(key[1] for key, said in given.items() if said[purpose].given)
    return Allowed(tenant, purpose, consenting, made_by=_MADE_HERE)
