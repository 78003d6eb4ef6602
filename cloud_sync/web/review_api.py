"""The HTTP API of the review queue: joins that are proposed, and a person's word about each.

For those who answer shoppers' questions, with a key made by `cloud key … --shoppers`.
"""

from typing import Annotated

import msgspec
from flask import Blueprint, Response, g, jsonify, request
from msgspec import Meta

from cloud_sync.api import guard, refusal
from cloud_sync.cloud import Cloud
from cloud_sync.database import Sight, retried
from cloud_sync.intake.api_keys import ApiKey
from cloud_sync.intake.asked import parse_asked
from cloud_sync.review import proposals, telling
from cloud_sync.review.proposals import (
    STATES,
    Decision,
    ProposalError,
    State,
    UnknownProposalError,
)
from cloud_sync.shoppers.graph.said import SaidError
from cloud_sync.shoppers.graph.words import BECAUSE_CHARACTERS_MAX


class AskedToDecide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a proposal is decided as the address says."""

    because: Annotated[str, Meta(max_length=BECAUSE_CHARACTERS_MAX)] = ""


def blueprint(cloud: Cloud) -> Blueprint:
    """Build the routes."""
    api = Blueprint("reviews", __name__, url_prefix="/v1/reviews")

    guard(api, cloud, about_shoppers=True)

    @api.get("")
    def today() -> Response:
        key: ApiKey = g.key
        wanted = request.args.get("state", "open")
        state: State | None = next((each for each in STATES if each == wanted), None)
        if state is None:
            return refusal(400, f"state: expected one of {', '.join(STATES)}")
        with cloud.database.seen_by(Sight(tenant=key.tenant)) as connection:
            found = proposals.today(connection, key.tenant, cloud.now())
            answer = telling.plain_today(found)
            if state != "open":
                decided = proposals.listed(connection, key.tenant, state)
                answer["proposals"] = [each.as_json() for each in decided]
        return jsonify(answer)

    @api.get("/<proposal>")
    def show(proposal: str) -> Response:
        key: ApiKey = g.key
        secret = cloud.identifier_keys[key.tenant]
        with cloud.database.seen_by(Sight(tenant=key.tenant)) as connection:
            return jsonify(telling.plain_whole(connection, key.tenant, secret, proposal))

    _add_answers(api, cloud)
    return api


def _add_answers(api: Blueprint, cloud: Cloud) -> None:
    """Add the routes by which a proposal is decided."""

    @api.post("/<proposal>/join")
    def join(proposal: str) -> Response:
        return _decide(cloud, proposal, "join")

    @api.post("/<proposal>/apart")
    def apart(proposal: str) -> Response:
        return _decide(cloud, proposal, "apart")

    @api.errorhandler(UnknownProposalError)
    def unknown(error: UnknownProposalError) -> Response:
        return refusal(404, error.args[0])

    @api.errorhandler(ProposalError)
    @api.errorhandler(SaidError)
    def refused_word(error: ValueError) -> Response:
        return refusal(409, str(error))


def _decide(cloud: Cloud, proposal: str, decision: Decision) -> Response:
    """Let a decision be made in the name of the key's channel."""
    key: ApiKey = g.key
    asked = parse_asked(request.get_data() or b"{}", AskedToDecide)
    done = retried(
        lambda: cloud.database.shopper(key.tenant),
        lambda connection: proposals.decide(
            connection,
            key.tenant,
            proposal,
            decision,
            because=asked.because,
            source=f"{key.source}/{key.key_id}",
            now=cloud.now(),
        ),
    )
    with cloud.database.seen_by(Sight(tenant=key.tenant)) as connection:
        shoppers = proposals.shoppers_now(connection, key.tenant, done)
    return jsonify({**done.as_json(), "shoppers": shoppers})
