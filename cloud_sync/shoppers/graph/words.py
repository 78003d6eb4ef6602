"""What people and the ladder of rules said about who is who, as rows that are never changed."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, assert_never

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.identity.links import RULES, Demoted, Erased, Joined, LinkEvent, Undone, pair_id

# Stands for the second identifier where only one is spoken of.
NONE = "0" * 32
# A reason that somebody types is cut to so many characters.
BECAUSE_CHARACTERS_MAX = 500

_Row = tuple[str, str, int, str, int, str, str]
"""Both identifiers, the time, the word, its weight, because and source."""


def append(connection: Connection, tenant: str, words: Iterable[LinkEvent]) -> None:
    """Append words to the log; one that is there already is left as it is."""
    rows = sorted(_row(each) for each in words)
    if not rows:
        return
    connection.execute(
        "INSERT INTO identity_word (tenant, identifier, other, at, word, weight, because, source)"
        " SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[],"
        " %s::integer[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING",
        (
            tenant,
            arrays.plain(row[0] for row in rows),
            arrays.plain(row[1] for row in rows),
            arrays.numbers(row[2] for row in rows),
            arrays.plain(row[3] for row in rows),
            arrays.numbers(row[4] for row in rows),
            arrays.texts(row[5] for row in rows),
            arrays.texts(row[6] for row in rows),
        ),
    )


def read(connection: Connection, tenant: str, identifiers: Collection[str]) -> list[LinkEvent]:
    """Return the words about some identifiers, and about pairs of two of them, oldest first."""
    if not identifiers:
        return []
    rows = connection.execute(
        "SELECT asked.id, word.other, word.at, word.word, word.weight, word.because, word.source"
        " FROM unnest(%s::uuid[]) AS asked (id) CROSS JOIN LATERAL"
        " (SELECT * FROM identity_word WHERE identity_word.tenant = %s"
        "  AND identity_word.identifier = asked.id OFFSET 0) AS word"
        " ORDER BY word.at, asked.id, word.other, word.word",
        (arrays.plain(identifiers), tenant),
    ).fetchall()
    known = {*identifiers, NONE}
    return [_event(row) for row in rows if row[1].hex in known]


def read_persons(connection: Connection, tenant: str) -> list[LinkEvent]:
    """Return all that people said of a tenant's identifiers, and never the ladder."""
    rows = connection.execute(
        "SELECT identifier, other, at, word, weight, because, source FROM identity_word"
        " WHERE tenant = %s AND source <> %s ORDER BY at, identifier, other, word",
        (tenant, RULES),
    )
    return [_event(row) for row in rows]


def about(event: LinkEvent) -> tuple[str, ...]:
    """Return the identifiers that a word is about."""
    match event:
        case Joined(one=one, other=other):
            return one, other
        case Undone(join=pair):
            return tuple(pair.split("+"))
        case Demoted(identifier=one) | Erased(identifier=one):
            return (one,)
        case _:
            assert_never(event)


def _row(event: LinkEvent) -> _Row:
    match event:
        case Joined(one=one, other=other):
            low, high = sorted((one, other))
            return low, high, event.at, "joined", event.weight, _cut(event.because), event.source
        case Undone(join=pair, undone=undone):
            low, _, high = pair.partition("+")
            word = "undone" if undone else "held"
            return low, high, event.at, word, 1, _cut(event.because), event.source
        case Demoted(identifier=one, demoted=demoted):
            word = "demoted" if demoted else "restored"
            return one, NONE, event.at, word, 1, _cut(event.because), event.source
        case Erased(identifier=one):
            return one, NONE, event.at, "erased", 1, "", ""
        case _:
            assert_never(event)


def _event(row: Sequence[Any]) -> LinkEvent:
    first, second, at, word, weight, because, source = row
    one, other = first.hex, second.hex
    pair = pair_id(one, other)
    match word:
        case "joined":
            return Joined(
                join=pair,
                at=at,
                one=one,
                other=other,
                weight=weight,
                because=because,
                source=source,
            )
        case "undone" | "held":
            undone = word == "undone"
            return Undone(join=pair, at=at, undone=undone, because=because, source=source)
        case "demoted" | "restored":
            demoted = word == "demoted"
            return Demoted(identifier=one, at=at, demoted=demoted, because=because, source=source)
        case "erased":
            return Erased(identifier=one, at=at)
    raise ValueError(f"{word!r} is no word of identity; a newer version wrote it")


def _cut(because: str) -> str:
    return because.replace("\0", "")[:BECAUSE_CHARACTERS_MAX]
