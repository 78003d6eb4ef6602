"""The HTTP API for web shops and apps: post events, ask for a shopper's coupons, redeem one.

Each request carries its key: `Authorization: Bearer sbk.…`. A refusal is a JSON object
`{"error": {"message": …, "fields": [{"field": …, "message": …}]}}`.
"""

from collections.abc import Sequence

from flask import Blueprint, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from cloud_sync.cloud import Cloud
from cloud_sync.intake import ledger
from cloud_sync.intake.api_keys import ApiKey, check_key
from cloud_sync.intake.posted import PostRefusedError, WrongField, parse_post
from wire.topics import shard_of


def blueprint(cloud: Cloud) -> Blueprint:
    """Build the API's routes."""
    api = Blueprint("api", __name__, url_prefix="/v1")

    @api.before_request
    def authorise() -> Response | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        with cloud.database.shopper("") as connection:
            key = check_key(connection, text.strip()) if scheme.lower() == "bearer" else None
        if key is None or key.tenant not in cloud.identifier_keys:
            return refusal(401, "send a valid API key: `Authorization: Bearer sbk.…`")
        g.key = key
        return None

    @api.post("/events")
    def post_events() -> Response:
        key: ApiKey = g.key
        try:
            events = parse_post(
                request.get_data(),
                source=key.source,
                key=cloud.identifier_keys[key.tenant],
                now=cloud.now(),
            )
        except PostRefusedError as refused:
            return refusal(400, "nothing of this post was accepted", refused.wrong)
        with cloud.database.ledger(shard_of(key.tenant, f"web-{key.source}")) as connection:
            kept = ledger.append_http(connection, key.tenant, key.source, key.key_id, events)
        return jsonify(accepted=kept.accepted, repeated=kept.repeated)

    @api.errorhandler(HTTPException)
    def refused_by_http(error: HTTPException) -> Response:
        return refusal(error.code or 500, error.description or error.name)

    return api


def refusal(status: int, message: str, wrong: Sequence[WrongField] = ()) -> Response:
    """Build the answer to a request that is refused, with the fields at fault."""
    fields = [{"field": each.field, "message": each.message} for each in wrong]
    response = jsonify(error={"message": message, "fields": fields})
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
