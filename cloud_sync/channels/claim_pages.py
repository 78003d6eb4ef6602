"""`/v1/claims`: a number that a shopper typed, and the code that proves it."""

from typing import Annotated, Literal, TypeVar

import msgspec
from flask import Blueprint, Response, g, jsonify, request
from msgspec import Meta

from cloud_sync.api import guard, refusal
from cloud_sync.channels import claims
from cloud_sync.channels.claims import NotProven, TooManyClaimsError
from cloud_sync.cloud import Cloud
from cloud_sync.intake.api_keys import ApiKey
from cloud_sync.intake.asked import Asked, Named, keyed
from cloud_sync.intake.posted import IDENTIFIERS_MAX, PostRefusedError, WrongField

T = TypeVar("T")


class _Claimed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["phone", "email"]
    value: Annotated[str, Meta(max_length=200)]
    identifiers: Annotated[tuple[Named, ...], Meta(max_length=IDENTIFIERS_MAX - 1)]


class _Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Annotated[str, Meta(max_length=20)]


def blueprint(cloud: Cloud) -> Blueprint:
    """Build the routes."""
    pages = Blueprint("claims", __name__, url_prefix="/v1/claims")
    guard(pages, cloud)

    @pages.post("")
    def claim() -> Response:
        key: ApiKey = g.key
        secret = cloud.identifier_keys[key.tenant]
        asked = _read(_Claimed)
        (claimed,) = keyed(Asked((Named(asked.kind, asked.value),)), secret)
        others = keyed(Asked(asked.identifiers), secret)
        with cloud.database.shopper(key.tenant) as connection:
            made = claims.make(connection, key, claimed, others, secret, cloud.now())
        return jsonify(claim=made.claim, code=made.code, expires_at=made.expires_at)

    @pages.post("/<name>/prove")
    def prove(name: str) -> Response:
        key: ApiKey = g.key
        proof = _read(_Proof)
        secret = cloud.identifier_keys[key.tenant]
        with cloud.database.shopper(key.tenant) as connection:
            failed = claims.prove(connection, key, name, proof.code, secret, cloud.now())
        match failed:
            case None:
                return jsonify(proven=True)
            case NotProven(left=0):
                return refusal(410, "this claim is over: make another one")
            case NotProven(left=left):
                return refusal(403, "this is not the code", left=str(left))

    @pages.errorhandler(TooManyClaimsError)
    def refused(error: TooManyClaimsError) -> Response:
        response = refusal(429, str(error))
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response

    return pages


def _read(form: type[T]) -> T:
    try:
        return msgspec.json.decode(request.get_data(), type=form)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        raise PostRefusedError([WrongField(path.rstrip("`") or "$", message)]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PostRefusedError([WrongField("$", f"not JSON: {error}")]) from error
