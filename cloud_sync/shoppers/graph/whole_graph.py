"""Who is who of a whole tenant at once: looked at, tried with other rules, and set right.

The links are read as arrays, a row a pair; only components that are not plain are climbed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from cloud_sync.database import Database, retried
from cloud_sync.identity.component import COMPONENT_LADDER, Evidence, plain_max, rule_on
from cloud_sync.identity.components import Indices, Numbered, components, number
from cloud_sync.identity.graph import fold
from cloud_sync.identity.links import RULES, LinkEvent
from cloud_sync.identity.rules import KindRule
from cloud_sync.shoppers.graph import words
from cloud_sync.shoppers.graph.regroup import regroup
from wire.identifiers import IDENTIFIER_RANKS

# A row of `_PAIRS` in PostgreSQL's binary form: how many fields, then each with its length.
_ROW = np.dtype(
    [("fields", ">i2")]
    + [
        field
        for end in ("one", "other")
        for field in ((f"{end}_bytes", ">i4"), (f"{end}_high", ">u8"), (f"{end}_low", ">u8"))
    ]
    + [
        field
        for name in ("times", "first_at", "last_at")
        for field in ((f"{name}_bytes", ">i4"), (name, ">i8"))
    ]
)
_HEADER_BYTES, _TRAILER_BYTES = 19, 2
# A database from before the ladder may have components of this size, chained by a kiosk's cookie.
SET_RIGHT_MAX = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """All that links show, a row a pair: both ends by number, how often, first and last when."""

    numbered: Numbered
    rows: NDArray[np.void]

    def evidence(self, at: int) -> Evidence:
        """Return one row."""
        row = self.rows[at]
        return Evidence(
            one=self.numbered.name(int(self.numbered.one[at])),
            other=self.numbered.name(int(self.numbered.other[at])),
            times=int(row["times"]),
            first_at=int(row["first_at"]),
            last_at=int(row["last_at"]),
        )


def read_pairs(connection: Connection, tenant: str) -> Pairs:
    """Read the links of a tenant; some 200 bytes of memory a pair."""
    with connection.cursor() as cursor, cursor.copy(_PAIRS.encode(), {"tenant": tenant}) as copy:
        content = b"".join(copy)
    body = content[_HEADER_BYTES : len(content) - _TRAILER_BYTES]
    rows = np.frombuffer(body, dtype=_ROW)
    halves = ("one_high", "one_low", "other_high", "other_low")
    ends = np.stack([rows[name].astype(np.uint64) for name in halves], axis=1)
    return Pairs(numbered=number(ends), rows=rows)


def decided(
    connection: Connection,
    tenant: str,
    pairs: Pairs,
    ladder: Mapping[str, KindRule] = COMPONENT_LADDER,
) -> dict[str, str]:
    """Return the shopper of each linked identifier as a ladder, and what people said, has it.

    What the ladder itself said before counts for nothing: it is asked anew.
    """
    numbered = pairs.numbered
    root = components(numbered.count, numbered.one, numbered.other)
    said = words.read_persons(connection, tenant)
    climbed = _not_plain(numbered, root, ladder) | _spoken_of(numbered, root, said)
    found = {
        numbered.name(at): numbered.name(int(top))
        for at, top in enumerate(root)
        if int(top) not in climbed
    }
    rows: dict[int, list[Evidence]] = defaultdict(list)
    for at in np.flatnonzero(np.isin(root[numbered.one], list(climbed))):
        rows[int(root[numbered.one[at]])].append(pairs.evidence(int(at)))
    for evidence in rows.values():
        found |= _climb(evidence, said, ladder)
    return found


def shoppers_now(connection: Connection, tenant: str, wanted: Collection[str]) -> dict[str, str]:
    """Return the shopper that each identifier has now."""
    rows = connection.execute(
        "SELECT identifier, shopper FROM identifier WHERE tenant = %s", (tenant,)
    )
    return {one.hex: shopper.hex for one, shopper in rows if one.hex in wanted}


def set_right(database: Database, tenant: str) -> int:
    """Decide anew about each identifier that is not whose it should be; returns how many were not.

    Each component is a transaction of its own.
    """
    with database.shopper(tenant) as connection:
        pairs = read_pairs(connection, tenant)
        expected = decided(connection, tenant, pairs)
        now = shoppers_now(connection, tenant, expected)
    wrong = {each for each, shopper in now.items() if shopper != expected[each]}
    numbered = pairs.numbered
    root = components(numbered.count, numbered.one, numbered.other)
    concerned = {int(top) for at, top in enumerate(root) if numbered.name(at) in wrong}
    for top in sorted(concerned):
        ids = [numbered.name(int(at)) for at in np.flatnonzero(root == top)]
        retried(lambda: database.shopper(tenant), partial(_again, tenant, ids))
    return len(wrong)


def _again(tenant: str, identifiers: Sequence[str], connection: Connection) -> None:
    regroup(connection, tenant, identifiers, at_most=SET_RIGHT_MAX)


def _not_plain(numbered: Numbered, root: Indices, ladder: Mapping[str, KindRule]) -> set[int]:
    """Return the components with more of a kind than the ladder need not be climbed for."""
    ranks = numbered.high >> np.uint64(56)
    most = plain_max(ladder)
    found: set[int] = set()
    for kind, rank in IDENTIFIER_RANKS.items():
        held = np.bincount(root[ranks == rank], minlength=numbered.count)
        found.update(map(int, np.flatnonzero(held > most.get(kind, 1))))
    return found


def _spoken_of(numbered: Numbered, root: Indices, said: Iterable[LinkEvent]) -> set[int]:
    ids = {each for word in said for each in words.about(word)}
    high = np.array([int(each[:16], 16) for each in sorted(ids)], dtype=np.uint64)
    places = np.flatnonzero(np.isin(numbered.high, high))
    return {int(root[at]) for at in places if numbered.name(int(at)) in ids}


def _climb(
    evidence: Sequence[Evidence], said: Iterable[LinkEvent], ladder: Mapping[str, KindRule]
) -> dict[str, str]:
    ids = {end for each in evidence for end in (each.one, each.other)}
    ours = [word for word in said if ids.issuperset(words.about(word))]
    seen = [each for each in evidence if each.times]
    ruling = rule_on(seen, ours, 0, ladder)
    graph = fold([*(each.as_joined() for each in seen), *ours, *ruling.words])
    return {each: graph.shoppers.get(each, each) for each in ids}


# What people said of two links them here, too: with no evidence, so that it is looked at with it.
_PAIRS = (
    "COPY (SELECT identifier, other, count(*), min(occurred_at), max(occurred_at)"  # noqa: S608
    " FROM link WHERE tenant = %(tenant)s GROUP BY 1, 2 UNION ALL"
    " SELECT DISTINCT identifier, other, 0::bigint, 0::bigint, 0::bigint"
    " FROM identity_word WHERE tenant = %(tenant)s"
    f" AND source <> '{RULES}' AND other <> '{words.NONE}') TO STDOUT (FORMAT binary)"
)
