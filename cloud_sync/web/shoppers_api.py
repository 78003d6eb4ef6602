"""The HTTP API about shoppers: what is known of one, why, and who is one with whom.

For those who answer shoppers' questions, with a key made by `cloud key … --shoppers`. What is read
is read in the tenant's role, so that the database itself shows nothing of others.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from flask import Blueprint, Response, abort, g, jsonify, request
from msgspec import Meta
from psycopg import Connection

from cloud_sync.api import guard, refusal
from cloud_sync.cloud import Cloud
from cloud_sync.database import Sight, retried
from cloud_sync.decisions import portrait
from cloud_sync.intake.api_keys import ApiKey
from cloud_sync.intake.asked import Asked, keyed, parse_asked
from cloud_sync.shoppers.graph import said
from cloud_sync.shoppers.graph.said import SaidError
from cloud_sync.shoppers.graph.words import BECAUSE_CHARACTERS_MAX
from wire.identifiers import identifier_id

APART_MAX = 50

_Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
_Because = Annotated[str, Meta(max_length=BECAUSE_CHARACTERS_MAX)]


class AskedToJoin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which identifier or shopper is one with the one addressed, and why."""

    other: _Id
    because: _Because = ""


class AskedToSplit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which identifiers of the shopper addressed are another's, and why."""

    identifiers: Annotated[tuple[_Id, ...], Meta(min_length=1, max_length=APART_MAX)]
    because: _Because = ""


def blueprint(cloud: Cloud) -> Blueprint:
    """Build the routes."""
    api = Blueprint("shoppers", __name__, url_prefix="/v1/shoppers")

    guard(api, cloud, about_shoppers=True)

    @api.post("/find")
    def find() -> Response:
        key: ApiKey = g.key
        asked = keyed(parse_asked(request.get_data(), Asked), cloud.identifier_keys[key.tenant])
        with cloud.database.seen_by(Sight(tenant=key.tenant)) as connection:
            ids = [identifier_id(each) for each in asked]
            found = [portrait.resolve(connection, key.tenant, each) for each in ids]
        return jsonify(
            shoppers=[
                {"identifier": each, "shopper": shopper}
                for each, shopper in zip(ids, found, strict=True)
            ]
        )

    @api.get("/<named>")
    def show(named: str) -> Response:
        return _read(cloud, named, portrait.show)

    @api.get("/<named>/explanation")
    def explain(named: str) -> Response:
        return _read(cloud, named, portrait.explain)

    @api.errorhandler(SaidError)
    def refused_word(error: SaidError) -> Response:
        return refusal(409, str(error))

    _add_words(api, cloud)
    return api


def _add_words(api: Blueprint, cloud: Cloud) -> None:
    """Add the routes by which somebody says who is one with whom."""

    @api.post("/<named>/join")
    def join(named: str) -> Response:
        asked = parse_asked(request.get_data(), AskedToJoin)

        def work(connection: Connection, tenant: str, source: str) -> set[str]:
            return said.join(
                connection, tenant, _id(named), asked.other, because=asked.because, source=source
            )

        return _speak(cloud, [_id(named), asked.other], work)

    @api.post("/<named>/split")
    def split(named: str) -> Response:
        asked = parse_asked(request.get_data(), AskedToSplit)

        def work(connection: Connection, tenant: str, source: str) -> set[str]:
            shoppers = {
                portrait.resolve(connection, tenant, each)
                for each in (_id(named), *asked.identifiers)
            }
            if len(shoppers) != 1:
                raise SaidError(f"these are not all identifiers of the shopper {_id(named)}")
            return said.split(
                connection, tenant, set(asked.identifiers), because=asked.because, source=source
            )

        return _speak(cloud, [_id(named), *asked.identifiers], work)


def _read(
    cloud: Cloud, named: str, what: Callable[[Connection, str, str, int], portrait.Plain]
) -> Response:
    key: ApiKey = g.key
    with cloud.database.seen_by(Sight(tenant=key.tenant)) as connection:
        shopper = portrait.resolve(connection, key.tenant, _id(named))
        if shopper is None:
            abort(404, "no event ever showed this identifier")
        return jsonify(what(connection, key.tenant, shopper, cloud.now()))


def _speak(
    cloud: Cloud, ids: Sequence[str], work: Callable[[Connection, str, str], set[str]]
) -> Response:
    """Let something be said in the name of the key's channel, and answer who is who now."""
    key: ApiKey = g.key
    changed = retried(
        lambda: cloud.database.shopper(key.tenant),
        lambda connection: work(connection, key.tenant, f"{key.source}/{key.key_id}"),
    )
    with cloud.database.seen_by(Sight(tenant=key.tenant)) as connection:
        shoppers = {each: portrait.resolve(connection, key.tenant, each) for each in ids}
    return jsonify(changed=sorted(changed), shoppers=shoppers)


def _id(named: str) -> str:
    """Return the id of an identifier or shopper as it stands in an address."""
    try:
        return msgspec.convert(named.lower(), _Id)
    except msgspec.ValidationError:
        abort(404, "a shopper ID is 32 hexadecimal digits; POST /v1/shoppers/find tells them")
