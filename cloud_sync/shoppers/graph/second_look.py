"""A second look at what is kept apart, when new evidence of it has come: a chore.

An identifier that many people showed may turn out to be one person's, and one that hardly anybody
else showed may turn out to be shared.
"""

from psycopg import Connection

from cloud_sync.identity.component import Evidence, rule_on
from cloud_sync.shoppers.graph import words
from cloud_sync.shoppers.graph.regroup import regroup, states_of

# Each may concern many identifiers and is locked until the part of the chore commits.
LOOKED_AT_MAX = 50
# What is seen with more than so many others stays what it is: a thing of many people.
PARTNERS_MAX = 200


def look_again(connection: Connection, rows_max: int) -> int:
    """Look again at identifiers of which there is new evidence; returns at how many."""
    rows = connection.execute(
        "DELETE FROM identity_due WHERE (tenant, identifier) IN (SELECT tenant, identifier"
        " FROM identity_due ORDER BY tenant, identifier LIMIT %s FOR UPDATE SKIP LOCKED)"
        " RETURNING tenant, identifier",
        (min(rows_max, LOOKED_AT_MAX),),
    ).fetchall()
    for tenant, identifier in sorted(rows):
        _look(connection, tenant, identifier.hex)
    return len(rows)


def partners_of(
    connection: Connection, tenant: str, identifier: str, *, both_ways: bool = False
) -> set[str]:
    """Return what an identifier was shown with, PARTNERS_MAX at most.

    Both ways means reading all links where there is no index: for what a person asks now and then.
    """
    rows = connection.execute(
        "SELECT DISTINCT other FROM link WHERE tenant = %s AND identifier = %s LIMIT %s",
        (tenant, identifier, PARTNERS_MAX),
    ).fetchall()
    if both_ways:
        rows += connection.execute(
            "SELECT DISTINCT identifier FROM link WHERE tenant = %s AND other = %s LIMIT %s",
            (tenant, identifier, PARTNERS_MAX),
        ).fetchall()
    return {each.hex for (each,) in rows}


def _look(connection: Connection, tenant: str, identifier: str) -> None:
    state = states_of(connection, tenant, {identifier}).get(identifier)
    if state is None:
        return
    if not state.is_thing:
        regroup(connection, tenant, {identifier})
        return
    evidence = _star(connection, tenant, identifier)
    said = words.read(connection, tenant, {identifier})
    if identifier not in rule_on(evidence, said, 0).things:
        regroup(connection, tenant, {identifier, *(each.other for each in evidence)})


def _star(connection: Connection, tenant: str, identifier: str) -> list[Evidence]:
    """Return what is known of an identifier and what it was shown with."""
    rows = connection.execute(
        "SELECT other, count(*), min(occurred_at), max(occurred_at) FROM link"
        " WHERE tenant = %s AND identifier = %s GROUP BY other ORDER BY other LIMIT %s",
        (tenant, identifier, PARTNERS_MAX),
    )
    return [
        Evidence(one=identifier, other=other.hex, times=times, first_at=first, last_at=last)
        for other, times, first, last in rows
    ]
