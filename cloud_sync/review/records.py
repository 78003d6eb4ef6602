"""What records of lists say of persons: sealed at rest, and opened only to be compared or shown.

Words cannot be compared under a key, so a record keeps what it says. It stands sealed under a key
made from the tenant's identifier key: the database alone, or a backup of it, tells nothing.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import Connection

from cloud_sync.identity.linkage.columns import Role
from cloud_sync.identity.linkage.people import People
from wire.identifiers import TYPED_KINDS, Identifier, identifier_id

NONCE_BYTES = 12
DIGEST_BYTES = 16
VALUE_CHARACTERS_MAX = 200
# What a record may say, and how it is compared.
FIELDS: Mapping[str, Role] = {
    "name": "name",
    "birth_date": "date",
    "postcode": "postcode",
    "city": "place",
    "address": "address",
    "phone": "number",
    "email": "number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRecord:
    """What a source says of somebody whom an identifier names.

    `keyed` are the identifiers that it mentions, proven or typed.
    """

    identifier: Identifier
    source: str
    said: Mapping[str, str] = field(repr=False)
    keyed: Sequence[Identifier] = ()

    @property
    def name(self) -> str:
        """Return what the record is called among all of its tenant."""
        return f"{identifier_id(self.identifier)}/{self.source}"


def keep(
    connection: Connection, tenant: str, key: bytes, records: Iterable[PersonRecord], now: int
) -> int:
    """Keep records, the latest of each identifier and source; one that changed is compared anew.

    Returns how many are new or have changed.
    """
    latest = {(identifier_id(each.identifier), each.source): each for each in records}
    kept = 0
    for (identifier, source), each in sorted(latest.items(), key=lambda item: item[0]):
        content = msgspec.msgpack.encode(dict(sorted(each.said.items())))
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(_key(key)).encrypt(nonce, content, _context(tenant, each.name))
        kept += connection.execute(
            "INSERT INTO person_record AS held (tenant, identifier, source, kind, value, digest,"
            " sealed, keyed, noted_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s)"
            " ON CONFLICT (tenant, identifier, source) DO UPDATE SET digest = excluded.digest,"
            " sealed = excluded.sealed, keyed = excluded.keyed, noted_at = excluded.noted_at,"
            " compared_at = NULL WHERE held.digest <> excluded.digest",
            (
                *(tenant, identifier, source, each.identifier.kind, each.identifier.value),
                hashlib.blake2b(content, key=_key(key), digest_size=DIGEST_BYTES).digest(),
                nonce + sealed,
                [UUID(bytes=one.value) for one in each.keyed],
                now,
            ),
        ).rowcount
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A record as it stands in the table; `digest` tells one version of it from another."""

    record: PersonRecord
    digest: bytes
    waits: bool


def held(
    connection: Connection, tenant: str, key: bytes, at_most: int, *, of: Collection[str] = ()
) -> list[Held]:
    """Return records whose identifiers are known, all or those `of` some identifiers.

    Who waits comes first, then the oldest. Those sealed under a former identifier key can be read
    by nobody and are left out: they go when their shopper lapses or is erased.
    """
    rows = connection.execute(
        "SELECT held.identifier, source, held.kind, held.value, digest, sealed,"
        " compared_at IS NULL FROM person_record AS held WHERE held.tenant = %(tenant)s"
        " AND (%(all)s OR held.identifier = ANY(%(of)s::uuid[])) AND EXISTS"
        "  (SELECT FROM identifier WHERE identifier.tenant = held.tenant"
        "   AND identifier.identifier = held.identifier)"
        " ORDER BY compared_at IS NOT NULL, noted_at, held.identifier, source LIMIT %(most)s",
        {"tenant": tenant, "all": not of, "of": list(of), "most": at_most},
    )
    found = []
    for _, source, kind, value, digest, sealed, waits in rows:
        identifier = Identifier(kind=kind, value=bytes(value))
        record = PersonRecord(identifier=identifier, source=source, said={})
        said = _opened(bytes(sealed), key, _context(tenant, record.name))
        if said is None:
            continue
        record = PersonRecord(identifier=identifier, source=source, said=said)
        found.append(Held(record=record, digest=bytes(digest), waits=waits))
    return found


def waiting(connection: Connection, tenant: str) -> int:
    """Return how many records of a tenant wait to be compared, and can be."""
    row = connection.execute(
        "SELECT count(*) FROM person_record AS held WHERE tenant = %s AND compared_at IS NULL"
        " AND EXISTS (SELECT FROM identifier WHERE identifier.tenant = held.tenant"
        "  AND identifier.identifier = held.identifier)",
        (tenant,),
    ).fetchone()
    return row[0] if row else 0


def note_compared(connection: Connection, tenant: str, done: Held, now: int) -> None:
    """Note that a record was compared, unless it has changed since it was read."""
    connection.execute(
        "UPDATE person_record SET compared_at = %s WHERE tenant = %s AND identifier = %s"
        " AND source = %s AND digest = %s",
        (
            *(now, tenant, identifier_id(done.record.identifier)),
            *(done.record.source, done.digest),
        ),
    )


def mentioning(
    connection: Connection, tenant: str, named: Collection[Identifier]
) -> set[Identifier]:
    """Return who is known by records alone that mention some identifiers, typed or proven.

    Who is joined to somebody proven is left out: anybody may type another one's number.
    """
    rows = connection.execute(
        "SELECT DISTINCT kind, value FROM person_record AS held WHERE tenant = %(tenant)s"
        " AND kind = ANY(%(typed)s) AND keyed && %(values)s::uuid[] AND NOT EXISTS"
        "  (SELECT FROM identifier AS own JOIN identifier AS beside ON beside.tenant = own.tenant"
        "   AND beside.shopper = own.shopper WHERE own.tenant = held.tenant"
        "   AND own.identifier = held.identifier AND beside.kind <> ALL(%(typed)s))",
        {
            "tenant": tenant,
            "typed": sorted(TYPED_KINDS),
            "values": [UUID(bytes=each.value) for each in named],
        },
    )
    return {Identifier(kind=kind, value=bytes(value)) for kind, value in rows}


def as_people(records: Sequence[PersonRecord]) -> People:
    """Return records as persons to be compared; a column that none fills is left out."""
    filled = [name for name in FIELDS if any(each.said.get(name) for each in records)]
    return People(
        ids=[each.name for each in records],
        columns={
            name: (FIELDS[name], [each.said.get(name, "") for each in records]) for name in filled
        },
    )


def _opened(sealed: bytes, key: bytes, context: bytes) -> dict[str, str] | None:
    """Return what a record says; None where another key sealed it."""
    nonce, content = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        plain = AESGCM(_key(key)).decrypt(nonce, content, context)
    except InvalidTag:
        return None
    return msgspec.msgpack.decode(plain, type=dict[str, str])


def _key(identifier_key: bytes) -> bytes:
    return hashlib.blake2b(identifier_key, digest_size=32, person=b"sb-records").digest()


def _context(tenant: str, name: str) -> bytes:
    return f"{tenant}/{name}".encode()
