"""What shoppers allowed: a mark an atom and purpose, the latest word counting."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.atoms.acts import time_of
from cloud_sync.shoppers.graph.identity import Key, Members, atoms_of, recognised
from wire.events import Consent
from wire.identifiers import Identifier

OFFERS, PROFILING = "offers", "profiling"
# What a shopper may allow, each by itself. What is in no line here is allowed to nobody.
PURPOSES: Mapping[str, str] = {
    OFFERS: "offers and coupons of one's own, on screens and in channels",
    PROFILING: "interests, stage and value worked out from what somebody does",
    "push": "messages sent to somebody who did not ask at that moment",
    "sharing": "passing on to others, by audiences and files",
    "place": "where somebody was, outside of the stores",
    "payment": "how somebody pays, outside of our orders",
}
TEXT_CHARACTERS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Consented:
    """What somebody said last about a purpose; `by` is "shopper", or "terms" if they never did."""

    given: bool
    by: str
    said_at: int = 0
    version: str = ""
    via: str = ""
    place: str = ""


# Tenant, shopper, purpose, mark, version, via, place.
Word = tuple[str, str, str, int, str, str, str]
TERMS = (
    "SELECT tenant, unnest(terms) AS purpose FROM tenant_setting"
    " WHERE members_consent AND tenant = ANY(%(tenants)s::text[])"
)
WORDS = (
    "SELECT asked.tenant, asked.shopper, said.purpose, said.mark, said.version, said.via,"
    " said.place FROM unnest(%(tenants)s::text[], %(shoppers)s::uuid[], %(atoms)s::uuid[])"
    " AS asked (tenant, shopper, atom)"
    " CROSS JOIN LATERAL (SELECT * FROM atom_consent WHERE atom_consent.tenant = asked.tenant"
    "  AND atom_consent.atom = asked.atom OFFSET 0) AS said"
)


def note(connection: Connection, events: Sequence[LedgerEvent]) -> None:
    """Keep what is said in these events, within the fold's transaction.

    A word about a purpose that nobody knows is kept, too: a later version may know it.
    """
    said: dict[tuple[str, str, str], tuple[int, str, str, str]] = {}
    for each in events:
        body = each.event.body
        if isinstance(body, Consent) and body.purpose.isprintable():
            for atom in list(recognised(each.event))[:1]:
                key = (each.tenant, atom, body.purpose[:TEXT_CHARACTERS_MAX])
                mark = 2 * time_of(each) + body.given
                place = body.place or each.store or each.source
                word = (mark, _clean(body.version), _clean(body.via), _clean(place))
                said[key] = max(said.get(key, word), word)
    write(connection, said)


def write(
    connection: Connection, said: Mapping[tuple[str, str, str], tuple[int, str, str, str]]
) -> None:
    """Keep (mark, version, via, place) for each tenant, atom and purpose, the latest of each.

    Of two words at the same time the same one is kept, whichever came first.
    """
    if not said:
        return
    rows = [(*key, *said[key]) for key in sorted(said)]
    columns = list(zip(*rows, strict=True))
    connection.execute(
        "INSERT INTO atom_consent AS held (tenant, atom, purpose, mark, version, via, place)"
        " SELECT * FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::bigint[], %s::text[],"
        " %s::text[], %s::text[]) ON CONFLICT (tenant, atom, purpose) DO UPDATE SET"
        " mark = excluded.mark, version = excluded.version, via = excluded.via,"
        ' place = excluded.place WHERE (excluded.mark, excluded.version COLLATE "C",'
        '  excluded.via COLLATE "C", excluded.place COLLATE "C")'
        "  > (held.mark, held.version, held.via, held.place)",
        (
            arrays.texts(columns[0]),
            arrays.plain(columns[1]),
            arrays.texts(columns[2]),
            arrays.numbers(columns[3]),
            *map(arrays.texts, columns[4:]),
        ),
    )


def consents_of(connection: Connection, members: Members) -> dict[Key, dict[str, Consented]]:
    """Return what shoppers, given with their identifiers, allow now, by purpose."""
    return ask_consents(connection, members)()


def ask_consents(
    connection: Connection, members: Members
) -> Callable[[], dict[Key, dict[str, Consented]]]:
    """Ask for `consents_of`; the answer is read when it is called for."""
    tenants, shoppers, atoms = atoms_of(members)
    asked = {"tenants": tenants, "shoppers": shoppers, "atoms": atoms}
    terms = connection.execute(TERMS, asked)
    words = connection.execute(WORDS, asked)
    return lambda: merged(members, terms, ((row[0], row[1].hex, *row[2:]) for row in words))


def merged(
    members: Members, terms: Iterable[tuple[str, str]], words: Iterable[Word]
) -> dict[Key, dict[str, Consented]]:
    """Return what shoppers allow: their last word on each purpose, else the terms for members.

    `terms` are (tenant, purpose), `words` (tenant, shopper, purpose, mark, version, via, place) of
    all identifiers.
    """
    agreed = set(terms)
    found = {
        key: {
            purpose: Consented(given=(key[0], purpose) in agreed and _is_member(owned), by="terms")
            for purpose in PURPOSES
        }
        for key, owned in members.items()
    }
    for tenant, shopper, purpose, mark, version, via, place in sorted(words, key=_mark):
        found[tenant, shopper][purpose] = Consented(
            given=mark % 2 == 1,
            by="shopper",
            said_at=mark // 2,
            version=version,
            via=via,
            place=place,
        )
    return found


def set_terms(connection: Connection, tenant: str, purposes: Sequence[str]) -> None:
    """Say which purposes the membership terms of a tenant allow, for who has said nothing.

    Raises ValueError for a purpose that is none.
    """
    if unknown := sorted(set(purposes) - set(PURPOSES)):
        raise ValueError(f"{', '.join(unknown)}: no purpose; known: {', '.join(PURPOSES)}")
    connection.execute(
        "INSERT INTO tenant_setting (tenant, members_consent, terms) VALUES (%s, %s, %s)"
        " ON CONFLICT (tenant) DO UPDATE SET members_consent = excluded.members_consent,"
        " terms = excluded.terms",
        (tenant, bool(purposes), sorted(purposes)),
    )


def _is_member(identifiers: Sequence[Identifier]) -> bool:
    return any(each.kind == "member" for each in identifiers)


def _mark(word: Word) -> int:
    return word[3]


def _clean(text: str) -> str:
    return text.replace("\0", "")[:TEXT_CHARACTERS_MAX]
