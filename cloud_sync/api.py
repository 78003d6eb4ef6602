"""The HTTP API for web shops and apps: post events, ask for coupons, redeem one, sign a token.

Each request carries its key: `Authorization: Bearer sbk.…`. A refusal is a JSON object
`{"error": {"message": …, "fields": [{"field": …, "message": …}]}}`, where a coupon is not redeemed
with its `reason` and the `store` that holds it.
"""

from collections.abc import Sequence
from dataclasses import asdict

from flask import Blueprint, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from cloud_sync.cloud import Cloud
from cloud_sync.codes.member_tokens import TokenError, TooManyTokensError, issue
from cloud_sync.database import Sight, retried
from cloud_sync.decisions.channel import NotUsed, Use, channel_view, plain, redeem
from cloud_sync.intake import ledger
from cloud_sync.intake.api_keys import ApiKey, check_key
from cloud_sync.intake.asked import (
    Asked,
    AskedForToken,
    AskedToRedeem,
    keyed,
    keyed_member,
    parse_asked,
)
from cloud_sync.intake.posted import WRONG_FIELDS_MAX, PostRefusedError, WrongField, parse_post
from cloud_sync.web.points_api import add_points
from wire.topics import shard_of

# Why a coupon was not redeemed, for the people who build the shop; `reason` is for their program.
NOT_USED = {
    "unknown": (404, "this shopper has no such coupon that can be used"),
    "redeemed": (409, "the coupon was redeemed before"),
    "expired": (409, "the coupon has expired"),
    "held": (
        409,
        "a store that is offline now may be redeeming it; try again when it is online, or later",
    ),
    "event_id": (409, "this event_id was used for another event; send a new one"),
}


def blueprint(cloud: Cloud) -> Blueprint:
    """Build the API's routes."""
    api = Blueprint("api", __name__, url_prefix="/v1")

    guard(api, cloud)

    @api.post("/events")
    def post_events() -> Response:
        key: ApiKey = g.key
        events = parse_post(
            request.get_data(),
            source=key.source,
            key=cloud.identifier_keys[key.tenant],
            now=cloud.now(),
        )
        with cloud.database.ledger(shard_of(key.tenant, f"web-{key.source}")) as connection:
            kept = ledger.append_http(connection, key.tenant, key.source, key.key_id, events)
        answer: dict[str, object] = {"accepted": kept.accepted, "repeated": kept.repeated}
        if ignored := [one for each in events for one in each.ignored][:WRONG_FIELDS_MAX]:
            answer["ignored"] = [asdict(each) for each in ignored]
        return jsonify(answer)

    @api.post("/shopper")
    def post_shopper() -> Response:
        key: ApiKey = g.key
        asked = keyed(parse_asked(request.get_data(), Asked), cloud.identifier_keys[key.tenant])
        with cloud.database.seen_by(Sight(tenant=key.tenant)) as connection:
            return jsonify(plain(channel_view(connection, key.tenant, asked, cloud.now())))

    @api.post("/coupons/<coupon>/redeem")
    def post_redeem(coupon: str) -> Response:
        key: ApiKey = g.key
        asked = parse_asked(request.get_data(), AskedToRedeem)
        identifiers = keyed(asked, cloud.identifier_keys[key.tenant])
        use = Use(coupon=coupon, order=asked.order, event_id=asked.event_id)
        done = retried(
            lambda: cloud.database.shopper(key.tenant),
            lambda connection: redeem(connection, key, identifiers, use, cloud.now()),
        )
        if isinstance(done, NotUsed):
            status, message = NOT_USED[done.reason]
            return refusal(status, message, reason=done.reason, store=done.store)
        return jsonify(coupon=done.coupon, order=done.order, repeated=done.repeated)

    _add_tokens(api, cloud)
    add_points(api, cloud)
    return api


def guard(api: Blueprint, cloud: Cloud, *, about_shoppers: bool = False) -> None:
    """Let nobody in without a key, which stands in `g.key` then; tell each refusal as JSON.

    Where it is all `about_shoppers`, a key that may not ask about them is refused, too.
    """

    @api.before_request
    def authorise() -> Response | None:
        refused = unauthorised(cloud)
        if refused is None and about_shoppers and not g.key.about_shoppers:
            return refusal(403, "this key may not ask about shoppers: `cloud key … --shoppers`")
        return refused

    add_refusals(api)


def unauthorised(cloud: Cloud) -> Response | None:
    """Note as `g.key` the API key that came with a request; refuse one without a valid key."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    with cloud.database.shopper("") as connection:
        key = check_key(connection, text.strip()) if scheme.lower() == "bearer" else None
    if key is None or key.tenant not in cloud.identifier_keys:
        return refusal(401, "send a valid API key: `Authorization: Bearer sbk.…`")
    g.key = key
    return None


def add_refusals(api: Blueprint) -> None:
    """Let what is wrong with a request be said as JSON."""

    @api.errorhandler(PostRefusedError)
    def refused_by_form(refused: PostRefusedError) -> Response:
        return refusal(400, "nothing of this post was accepted", refused.wrong)

    @api.errorhandler(HTTPException)
    def refused_by_http(error: HTTPException) -> Response:
        return refusal(error.code or 500, error.description or error.name)


def _add_tokens(api: Blueprint, cloud: Cloud) -> None:
    """Add the route by which the shopper's app is given tokens."""

    @api.post("/member-tokens")
    def post_member_token() -> Response:
        key: ApiKey = g.key
        signing_key = cloud.signing_keys.get(key.tenant)
        if not key.issues_tokens:
            return refusal(403, "this key may not have tokens signed: `cloud key … --tokens`")
        if signing_key is None:
            return refusal(503, f"no key signs tokens: set tenants.{key.tenant}.code_key")
        asked = parse_asked(request.get_data(), AskedForToken)
        member = keyed_member(asked, cloud.identifier_keys[key.tenant])
        with cloud.database.shopper(key.tenant) as connection:
            token = issue(connection, key.tenant, member, signing_key, cloud.now())
        return jsonify(token=token.token, expires_at=token.expires_at, renew_at=token.renew_at)

    @api.errorhandler(TokenError)
    def refused_token(error: TokenError) -> Response:
        if not isinstance(error, TooManyTokensError):
            return refusal(503, str(error))
        response = refusal(429, str(error))
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response


def refusal(status: int, message: str, wrong: Sequence[WrongField] = (), **more: str) -> Response:
    """Build the answer to a request that is refused, with the fields at fault."""
    fields = [{"field": each.field, "message": each.message} for each in wrong]
    response = jsonify(error={"message": message, "fields": fields, **more})
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
