"""The HTTP API for what shoppers may ask for: consents, everything about me, forget me.

Whoever asks for the last two must hold a key made with `--rights`: the shop answers for it that
the shopper is who they say. Identifiers stand in the body, never in an address.
"""

from collections.abc import Sequence
from string import hexdigits

from flask import Blueprint, Response, g, jsonify, request

from cloud_sync.api import guard, refusal
from cloud_sync.cloud import Cloud
from cloud_sync.database import retried
from cloud_sync.intake.api_keys import ApiKey
from cloud_sync.intake.asked import (
    SHOPPER_CHARS,
    Asked,
    AskedForConsents,
    AskedForRights,
    keyed,
    parse_asked,
)
from cloud_sync.intake.posted import PostRefusedError, WrongField
from cloud_sync.privacy import words
from cloud_sync.privacy.erasing import NobodyError, erase, identifiers_of
from cloud_sync.privacy.export import export
from cloud_sync.privacy.kept_apart import KeptApart, KeptApartError
from cloud_sync.shoppers.consent.consents import PURPOSES
from wire.identifiers import Identifier

NO_RIGHT = "this key may not ask for what is known of shoppers: `storebridge cloud key … --rights`"


def blueprint(cloud: Cloud) -> Blueprint:
    """Build the routes."""
    api = Blueprint("privacy", __name__, url_prefix="/v1")
    guard(api, cloud)

    @api.post("/consents")
    def post_consents() -> Response:
        key: ApiKey = g.key
        asked = parse_asked(request.get_data(), AskedForConsents)
        identifiers = keyed(asked, cloud.identifier_keys[key.tenant])
        if unknown := sorted(set(asked.purposes) - set(PURPOSES)):
            expected = f"expected some of: {', '.join(PURPOSES)}"
            raise PostRefusedError([WrongField(f"purposes.{each}", expected) for each in unknown])
        kept = retried(
            lambda: cloud.database.shopper(key.tenant),
            lambda connection: words.take(
                connection,
                key,
                identifiers,
                asked.purposes,
                asked.version,
                asked.event_id,
                cloud.now(),
            ),
        )
        return jsonify(accepted=kept.accepted, repeated=kept.repeated)

    @api.post("/consents/ask")
    def ask_consents() -> Response:
        key: ApiKey = g.key
        asked = keyed(parse_asked(request.get_data(), Asked), cloud.identifier_keys[key.tenant])
        with cloud.database.shopper(key.tenant) as connection:
            return jsonify(consents=words.plain(words.said_by(connection, key.tenant, asked)))

    _add_rights(api, cloud)
    return api


def _add_rights(api: Blueprint, cloud: Cloud) -> None:
    """Add the routes for which a key needs the right to answer for shoppers."""

    @api.route("/shoppers/export", methods=("GET", "POST"))
    def get_export() -> Response:
        key: ApiKey = g.key
        if not key.answers_rights:
            return refusal(403, NO_RIGHT)
        secret = cloud.identifier_keys[key.tenant]
        whom = _named(cloud, key)
        return jsonify(export(cloud.database, key.tenant, whom, cloud.now(), secret))

    @api.post("/shoppers/erase")
    def post_erase() -> Response:
        key: ApiKey = g.key
        if not key.answers_rights:
            return refusal(403, NO_RIGHT)
        asked_by = f"{key.source} (key {key.key_id})"
        apart = KeptApart(cloud.erasures_file)
        whom, now = _named(cloud, key), cloud.now()
        done = erase(cloud.database, apart, key.tenant, whom, now, asked_by=asked_by)
        return jsonify(erasure=done.erasure, erased_at=done.erased_at, rows=done.rows)

    @api.errorhandler(KeptApartError)
    def not_kept(error: KeptApartError) -> Response:
        return refusal(503, str(error))

    @api.errorhandler(NobodyError)
    def nobody(error: NobodyError) -> Response:
        return refusal(404, str(error))


def _named(cloud: Cloud, key: ApiKey) -> Sequence[Identifier]:
    """Return whom the request is about, by identifiers or by shopper ID.

    Raises PostRefusedError where it names nobody, NobodyError for an ID that is not known.
    """
    if request.method == "GET":
        shopper = request.args.get("shopper", "")
    else:
        asked = parse_asked(request.get_data(), AskedForRights)
        if asked.identifiers:
            return keyed(Asked(asked.identifiers), cloud.identifier_keys[key.tenant])
        shopper = asked.shopper
    if len(shopper) != SHOPPER_CHARS or set(shopper) - set(hexdigits.lower()):
        message = "expected an ID as /v1/shopper gives it, or `identifiers` in a POST"
        raise PostRefusedError([WrongField("shopper", message)])
    with cloud.database.shopper(key.tenant) as connection:
        return identifiers_of(connection, key.tenant, shopper)
