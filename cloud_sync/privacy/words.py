"""A shopper's word on a consent, given to a channel: recorded, and in force at once."""

from collections.abc import Mapping, Sequence

from psycopg import Connection

from cloud_sync.decisions import prepared
from cloud_sync.intake import ledger
from cloud_sync.intake.api_keys import ApiKey
from cloud_sync.intake.ledger import HttpAppended
from cloud_sync.intake.posted import PostedEvent, told_at
from cloud_sync.shoppers.consent.consents import Consented, consents_of, write
from cloud_sync.shoppers.graph.identity import lock, members_of, shoppers_of
from wire.events import Consent
from wire.identifiers import Identifier, identifier_id


def take(
    connection: Connection,
    key: ApiKey,
    identifiers: Sequence[Identifier],
    purposes: Mapping[str, bool],
    version: str,
    event_id: str,
    now: int,
) -> HttpAppended:
    """Take somebody's word on purposes, within the caller's transaction.

    The events go to the ledger and their marks beside them, as the fold will write them, so that
    whoever asks next is answered by them; nothing that was prepared is shown any more.
    """
    events = [
        PostedEvent(
            f"{event_id}:{purpose}",
            told_at(
                now,
                key.source,
                identifiers,
                Consent(purpose=purpose, given=given, version=version, via=key.source),
            ),
        )
        for purpose, given in sorted(purposes.items())
    ]
    kept = ledger.append_http(connection, key.tenant, key.source, key.key_id, events)
    if not kept.accepted:
        return kept
    ids = sorted(map(identifier_id, identifiers))
    strongest = ids[0]
    # Also of who is known by a weaker one alone: the fold will join the two.
    known = shoppers_of(connection, [(key.tenant, each) for each in ids])
    if known:
        lock(connection, {(key.tenant, shopper) for shopper in known.values()})
        prepared.forget(connection, key.tenant, sorted(set(known.values())))
    write(
        connection,
        {
            (key.tenant, strongest, purpose): (2 * now + given, version, key.source, key.source)
            for purpose, given in purposes.items()
        },
    )
    return kept


def said_by(
    connection: Connection, tenant: str, identifiers: Sequence[Identifier]
) -> dict[str, Consented]:
    """Return what the shopper whom identifiers name allows; of one not known, what they may say."""
    ids = sorted(map(identifier_id, identifiers))
    found = shoppers_of(connection, [(tenant, each) for each in ids])
    shopper = next((found[tenant, each] for each in ids if (tenant, each) in found), None)
    if shopper is None:
        # Its word may stand in the ledger, and its identifiers nowhere else as yet.
        return consents_of(connection, {(tenant, ids[0]): identifiers})[tenant, ids[0]]
    key = (tenant, shopper)
    # A word just said may stand under an identifier that is not folded yet.
    named = {*members_of(connection, [key])[key], *identifiers}
    return consents_of(connection, {key: sorted(named)})[key]


def plain(said: Mapping[str, Consented]) -> dict[str, object]:
    """Return consents as they are written in JSON, times in µs UTC."""
    return {
        purpose: {
            "given": each.given,
            "by": each.by,
            "said_at": each.said_at,
            "version": each.version,
            "via": each.via,
            "place": each.place,
        }
        for purpose, each in sorted(said.items())
    }
