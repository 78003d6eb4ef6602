"""The description of the HTTP API (OpenAPI 3.1), served at `/v1/openapi.json`.

What may be sent is described from the very structs that it is read into; what is answered stands in
openapi_schemas.py. A route without a line in OPERATIONS fails a test.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from flask import Blueprint, Response, jsonify

from cloud_sync.channels.sites import Letter
from cloud_sync.intake.asked import (
    Asked,
    AskedForConsents,
    AskedForRights,
    AskedForToken,
    AskedToRedeem,
    AskedToSpend,
)
from cloud_sync.intake.posted import (
    EVENT_ID_CHARS_MAX,
    EVENTS_PER_POST_MAX,
    IDENTIFIERS_MAX,
    KINDS_OF_STORES_ALONE,
    TEXT_CHARS_MAX,
)
from cloud_sync.web.openapi_schemas import (
    ANSWERS,
    SENT_BESIDE,
    TEXT,
    TIME,
    Schema,
    list_of,
    object_of,
    ref,
)
from cloud_sync.web.review_api import AskedToDecide
from cloud_sync.web.shoppers_api import AskedToJoin, AskedToSplit
from wire.events import EVENT_KINDS
from wire.identifiers import IDENTIFIER_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one route does, what it is sent and what it answers, by the names of schemas."""

    summary: str
    sent: str = ""
    answer: str
    refusals: Sequence[int] = (400, 401)
    public: bool = False
    media: str = "application/json"


# Method and path of each route, as OpenAPI writes them.
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("get", "/v1/openapi.json"): Operation(
        summary="This description", answer="Description", refusals=(), public=True
    ),
    ("post", "/v1/events"): Operation(
        summary="Post events of a channel, accepted whole or not at all",
        sent="Events",
        answer="Accepted",
        refusals=(400, 401, 413, 503),
    ),
    ("post", "/v1/shopper"): Operation(
        summary="Ask what may be shown to a shopper", sent="Asked", answer="ChannelView"
    ),
    ("post", "/v1/coupons/{coupon}/redeem"): Operation(
        summary="Redeem a coupon for an order",
        sent="AskedToRedeem",
        answer="Redeemed",
        refusals=(400, 401, 404, 409),
    ),
    ("post", "/v1/member-tokens"): Operation(
        summary="Have a member's short-lived token signed",
        sent="AskedForToken",
        answer="Token",
        refusals=(400, 401, 403, 429, 503),
    ),
    ("post", "/v1/points/spend"): Operation(
        summary="Spend points for an order",
        sent="AskedToSpend",
        answer="Spent",
        refusals=(400, 401, 404, 409),
    ),
    ("get", "/v1/catalogue"): Operation(
        summary="What the key's channel sells, at its own prices", answer="Goods", refusals=(401,)
    ),
    ("post", "/v1/stock"): Operation(
        summary="How many pieces of products lie where", sent="AskedForStock", answer="Stock"
    ),
    ("post", "/v1/claims"): Operation(
        summary="Claim a phone number or an address that a shopper typed, to send a code there",
        sent="AskedToClaim",
        answer="Claim",
        refusals=(400, 401, 429),
    ),
    ("post", "/v1/claims/{name}/prove"): Operation(
        summary="Prove a claim by the code that was sent",
        sent="AskedToProve",
        answer="Proven",
        refusals=(400, 401, 403, 410),
    ),
    ("get", "/v1/storebridge.js"): Operation(
        summary="The script for pages of a shop",
        answer="Script",
        refusals=(),
        public=True,
        media="text/javascript",
    ),
    ("post", "/v1/sites/{name}/events"): Operation(
        summary="What a browser on a page of a shop tells; its origin must be one of the site's",
        sent="Letter",
        answer="Kept",
        refusals=(400, 403, 429),
        public=True,
    ),
    ("get", "/v1/webhooks/{channel}/{name}"): Operation(
        summary="Where systems deliver that do so by address alone; signed as they sign",
        answer="Kept",
        refusals=(403, 404, 405, 422),
        public=True,
    ),
    ("post", "/v1/webhooks/{channel}/{name}"): Operation(
        summary="Where other systems deliver, each in its own form and signed as they sign",
        sent="Delivery",
        answer="Kept",
        refusals=(403, 404, 405, 422),
        public=True,
    ),
    ("post", "/v1/consents"): Operation(
        summary="Record what a shopper allows or withdraws",
        sent="AskedForConsents",
        answer="Kept",
    ),
    ("post", "/v1/consents/ask"): Operation(
        summary="Ask what a shopper allows", sent="Asked", answer="Consents"
    ),
    ("get", "/v1/shoppers/export"): Operation(
        summary="Everything that is known of a shopper, by `?shopper=` and an ID",
        answer="Everything",
        refusals=(400, 401, 403, 404),
    ),
    ("post", "/v1/shoppers/export"): Operation(
        summary="Everything that is known of a shopper, by identifiers or an ID",
        sent="AskedForRights",
        answer="Everything",
        refusals=(400, 401, 403, 404),
    ),
    ("post", "/v1/shoppers/erase"): Operation(
        summary="Erase a shopper",
        sent="AskedForRights",
        answer="Erasure",
        refusals=(400, 401, 403, 404, 503),
    ),
    ("post", "/v1/shoppers/find"): Operation(
        summary="Find the shopper IDs of plain identifiers",
        sent="Asked",
        answer="FoundShoppers",
        refusals=(400, 401, 403),
    ),
    ("get", "/v1/shoppers/{named}"): Operation(
        summary="Show what is known of a shopper", answer="Shopper", refusals=(401, 403, 404)
    ),
    ("get", "/v1/shoppers/{named}/explanation"): Operation(
        summary="Explain why a shopper is who they are",
        answer="Explanation",
        refusals=(401, 403, 404),
    ),
    ("post", "/v1/shoppers/{named}/join"): Operation(
        summary="Say that two are one person",
        sent="AskedToJoin",
        answer="Said",
        refusals=(400, 401, 403, 404, 409),
    ),
    ("post", "/v1/shoppers/{named}/split"): Operation(
        summary="Say that some identifiers of a shopper are another's",
        sent="AskedToSplit",
        answer="Said",
        refusals=(400, 401, 403, 404, 409),
    ),
    ("get", "/v1/reviews"): Operation(
        summary="Joins that records propose, to be looked at today; by `?state=`, decided ones",
        answer="Reviews",
        refusals=(400, 401, 403),
    ),
    ("get", "/v1/reviews/{proposal}"): Operation(
        summary="A proposed join, what its records say and what speaks for it",
        answer="Review",
        refusals=(401, 403, 404),
    ),
    ("post", "/v1/reviews/{proposal}/join"): Operation(
        summary="Say that the two of a proposal are one person",
        sent="AskedToDecide",
        answer="Reviewed",
        refusals=(400, 401, 403, 404, 409),
    ),
    ("post", "/v1/reviews/{proposal}/apart"): Operation(
        summary="Say that the two of a proposal are not one person, also where they were joined",
        sent="AskedToDecide",
        answer="Reviewed",
        refusals=(400, 401, 403, 404, 409),
    ),
}

REFUSALS: Mapping[int, str] = {
    400: "Something that was sent is wrong; each field at fault is named",
    401: "No valid API key came with the request",
    403: "Whoever asks has no right to this",
    404: "Nothing of that name is known",
    405: "This is asked by another method; see Allow",
    409: "It cannot be done as things are; the message says why",
    410: "It is over",
    413: "Too much was sent at once",
    422: "What was delivered cannot be read; the message says whether it is set aside",
    429: "Asked too often; see Retry-After",
    503: "It cannot be served now; see Retry-After",
}

_SENT = (
    *(Asked, AskedToRedeem, AskedToSpend, AskedForToken, AskedToJoin, AskedToSplit),
    *(AskedForConsents, AskedForRights, AskedToDecide, Letter),
)


def blueprint() -> Blueprint:
    """Build the route that serves the description, to whoever asks."""
    api = Blueprint("openapi", __name__, url_prefix="/v1")

    @api.get("/openapi.json")
    def description() -> Response:
        return jsonify(describe())

    return api


@cache
def describe() -> Schema:
    """Return the whole description."""
    _, sent = msgspec.json.schema_components(_SENT, ref_template="#/components/schemas/{name}")
    paths: dict[str, Schema] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method] = _operation(method, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Storebridge",
            "version": version("storebridge"),
            "description": "For web shops, apps and those who answer shoppers' questions.",
        },
        "paths": paths,
        "security": [{"key": []}],
        "components": {
            "schemas": {**sent, **SENT_BESIDE, **ANSWERS, **dict(_events())},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(method: str, path: str, operation: Operation) -> Schema:
    found: Schema = {
        "operationId": f"{method}{path.removeprefix('/v1')}".translate(_TO_NAME).strip("_"),
        "summary": operation.summary,
        "responses": {
            "200": _content("It was done", operation.answer, operation.media),
            **{str(status): _content(REFUSALS[status], "Refusal") for status in operation.refusals},
        },
    }
    if operation.sent:
        found["requestBody"] = {"required": True, **_content("", operation.sent)}
        del found["requestBody"]["description"]
    named = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    if named:
        found["parameters"] = [
            {"name": each, "in": "path", "required": True, "schema": TEXT} for each in named
        ]
    if operation.public:
        found["security"] = []
    return found


def _content(about: str, schema: str, media: str = "application/json") -> Schema:
    return {"description": about, "content": {media: {"schema": ref(schema)}}}


def _events() -> Iterator[tuple[str, Schema]]:
    """Yield the schemas of a post of events: a kind of event is an object, named by its kind."""
    kinds = [kind for kind in EVENT_KINDS if kind not in KINDS_OF_STORES_ALONE]
    text = {"type": "string", "minLength": 1, "maxLength": TEXT_CHARS_MAX}
    identifier = object_of({"kind": {"enum": list(IDENTIFIER_KINDS)}, "value": text})
    yield (
        "Events",
        object_of({"events": list_of(ref("Event"), minItems=1, maxItems=EVENTS_PER_POST_MAX)}),
    )
    yield (
        "Event",
        object_of(
            {
                "event_id": {**text, "maxLength": EVENT_ID_CHARS_MAX},
                "kind": {"enum": kinds},
                "occurred_at": {
                    "anyOf": [TIME, {"type": "string", "format": "date-time"}],
                },
            },
            {
                "identifiers": list_of(identifier, maxItems=IDENTIFIERS_MAX),
                "brand": text,
                "body": {"anyOf": [ref(f"body-{kind}") for kind in kinds]},
            },
        ),
    )
    for kind in kinds:
        yield f"body-{kind}", _body(EVENT_KINDS[kind])


def _body(struct: type) -> Schema:
    """Return the schema of a struct that is an array on the wire and an object in JSON."""
    fields = msgspec.structs.fields(struct)
    return {
        **object_of(
            {each.name: _field(each.type) for each in fields if each.required},
            {each.name: _field(each.type) for each in fields if not each.required},
        ),
        "additionalProperties": False,
    }


def _field(wanted: Any) -> Schema:
    element = getattr(wanted, "__args__", (None,))[0]
    if isinstance(element, type(msgspec.Struct)):
        return list_of(_body(element))
    return msgspec.json.schema(wanted)


_TO_NAME = str.maketrans({"/": "_", "{": "", "}": "", ".": "_", "-": "_"})
