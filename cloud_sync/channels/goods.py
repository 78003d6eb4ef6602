"""`/v1/catalogue` and `/v1/stock`: what a channel sells, at its price, and where it lies."""

from typing import Annotated

import msgspec
from flask import Blueprint, Response, g, jsonify, request
from msgspec import Meta
from psycopg import Connection

from cloud_sync.api import guard
from cloud_sync.catalogue import goods_in
from cloud_sync.cloud import Cloud
from cloud_sync.database import Sight
from cloud_sync.intake.api_keys import ApiKey
from cloud_sync.intake.posted import PostRefusedError, WrongField

PRODUCTS_PER_QUESTION_MAX = 100

_Number = Annotated[str, Meta(min_length=1, max_length=64)]


class _AskedStock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    products: Annotated[tuple[_Number, ...], Meta(max_length=PRODUCTS_PER_QUESTION_MAX)]


def blueprint(cloud: Cloud) -> Blueprint:
    """Build the routes."""
    pages = Blueprint("goods", __name__, url_prefix="/v1")
    guard(pages, cloud)

    @pages.get("/catalogue")
    def catalogue() -> Response:
        key: ApiKey = g.key
        with cloud.database.seen_by(Sight(tenant=key.tenant)) as connection:
            goods = goods_in(connection, key.tenant, key.source)
        return jsonify(products=[msgspec.structs.asdict(each) for each in goods])

    @pages.post("/stock")
    def stock() -> Response:
        key: ApiKey = g.key
        try:
            asked = msgspec.json.decode(request.get_data(), type=_AskedStock)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PostRefusedError([WrongField("products", str(error))]) from error
        with cloud.database.seen_by(Sight(tenant=key.tenant)) as connection:
            return jsonify(stock=stock_of(connection, key.tenant, asked.products))

    return pages


def stock_of(
    connection: Connection, tenant: str, products: tuple[str, ...]
) -> dict[str, list[dict[str, object]]]:
    """Return how many pieces of these products lie where, each by its last imported count.

    The store is empty for what is sold online. A product that was never counted is left out.
    """
    found: dict[str, list[dict[str, object]]] = {}
    rows = connection.execute(
        "SELECT product, store, quantity, counted_at FROM stock_level"
        " WHERE tenant = %s AND product = ANY(%s) ORDER BY product, store",
        (tenant, [each.replace("\0", "") for each in products]),
    )
    for product, store, quantity, counted_at in rows:
        level = {"store": store, "quantity": quantity, "counted_at": counted_at}
        found.setdefault(product, []).append(level)
    return found
