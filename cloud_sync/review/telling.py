"""A proposal as people are shown it: what both records say, and what speaks for one person."""

from collections.abc import Mapping

from psycopg import Connection

from cloud_sync.review import proposals
from cloud_sync.review.proposals import Proposal, Today
from cloud_sync.review.records import FIELDS, held

# Of one identifier so many records are shown.
RECORDS_SHOWN_MAX = 20


def plain_today(found: Today) -> dict[str, object]:
    """Return what people are to look at as plain values."""
    return {
        "proposals": [each.as_json() for each in found.proposals],
        "waiting": found.waiting,
        "decided": found.decided,
        "a_day": found.limits.a_day,
        "days": found.limits.days,
    }


def plain_whole(
    connection: Connection, tenant: str, secret: bytes, proposal: str
) -> dict[str, object]:
    """Return one proposal with what its records say, opened under the tenant's identifier key.

    Raises UnknownProposalError.
    """
    found = proposals.named(connection, tenant, proposal)
    said = records_of(connection, tenant, secret, found)
    return found.as_json() | {
        "records": said,
        "shoppers": proposals.shoppers_now(connection, tenant, found),
    }


def records_of(
    connection: Connection, tenant: str, secret: bytes, found: Proposal
) -> dict[str, list[Mapping[str, object]]]:
    """Return the records of both identifiers, each with its source and what it says."""
    sides: dict[str, list[Mapping[str, object]]] = {}
    for side in (found.one, found.other):
        own = held(connection, tenant, secret, RECORDS_SHOWN_MAX, of=[side])
        sides[side] = [
            {
                "source": each.record.source,
                "said": {name: each.record.said[name] for name in FIELDS
                         if name in each.record.said},
            }
            for each in own
        ]  # fmt: skip
    return sides
