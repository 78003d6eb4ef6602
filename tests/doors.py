"""Builders for tests of the doors: a cloud with webhooks, deliveries signed as platforms sign."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloud_sync.channels.table import CHANNELS
from cloud_sync.channels.webhooks import Webhook
from cloud_sync.cloud import Cloud
from cloud_sync.database import Database
from cloud_sync.intake import ledger
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.graph.identity import Key, members_of
from cloud_sync.shoppers.profiles.profile import Profile, whole_profiles_of
from cloud_sync.web.app import create_app
from cloud_sync.workers.road import Road
from tests.shopper_builders import KEY, TENANT, sell_sample, shopper_of
from wire.identifiers import key_identifier
from wire.topics import shard_of

PAYLOADS = Path(__file__).parent / "payloads"
SECRET = b"a secret of thirty-two characters"
# 2026-11-26 00:00 UTC
NOW = 1_795_651_200_000_000
SHARD = shard_of(TENANT, "web-shop")


def payload(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()


def in_base64(body: bytes, secret: bytes = SECRET) -> str:
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()


def timed(body: bytes, at: int, secret: bytes = SECRET) -> str:
    signed = hmac.new(secret, f"{at // 1_000_000}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at // 1_000_000},v1={signed},v0=ab12"


@dataclass
class Doors:
    """The cloud's doors over a real database; time stands still at `now`."""

    database: Database
    client: FlaskClient
    road: Road
    now: int = NOW
    folded: int = 0

    def shopify(self, topic: str, body: bytes, signature: str | None = None) -> TestResponse:
        headers = {
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": in_base64(body) if signature is None else signature,
            "X-Shopify-Shop-Domain": "maru.example",
        }
        return self.client.post("/v1/webhooks/shopify/orders", data=body, headers=headers)

    def woocommerce(self, body: bytes) -> TestResponse:
        headers = {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Signature": in_base64(body)}
        return self.client.post("/v1/webhooks/woocommerce/woo", data=body, headers=headers)

    def stripe(self, body: bytes, at: int | None = None) -> TestResponse:
        headers = {"Stripe-Signature": timed(body, self.now if at is None else at)}
        return self.client.post("/v1/webhooks/stripe/pay", data=body, headers=headers)

    def mini_program(self, body: bytes) -> TestResponse:
        headers = {"X-Storebridge-Signature": timed(body, self.now)}
        return self.client.post("/v1/webhooks/mini-program/mini", data=body, headers=headers)

    def ads(self, query: str) -> TestResponse:
        return self.client.get(f"/v1/webhooks/ads/ads?token={SECRET.decode()}&{query.strip()}")

    def posted(self) -> list[LedgerEvent]:
        """What the ledger holds of the channels."""
        with self.database.ledger(SHARD) as connection:
            return ledger.read(connection, SHARD, 0)

    def fold(self, *events: LedgerEvent) -> None:
        """Fold events of stores, then those of the channels that were not folded yet."""
        with self.database.ledger(SHARD) as connection:
            posted = ledger.read(connection, SHARD, self.folded)
            self.folded = posted[-1].position if posted else self.folded
            for event in (*events, *posted):
                self.road.fold(connection, event.shard, 1, [event])

    def key_of(self, kind: str, plain: str) -> Key:
        with self.database.shopper(TENANT) as connection:
            return shopper_of(connection, key_identifier(kind, plain, key=KEY))

    def profile(self, kind: str, plain: str) -> Profile:
        """What is known of the shopper whom an identifier names."""
        key = self.key_of(kind, plain)
        with self.database.shopper(TENANT) as connection:
            return whole_profiles_of(connection, members_of(connection, [key]))[key]


@contextmanager
def doors_of(dsn: str) -> Iterator[Doors]:
    database = Database(dsn)
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
    made = Doors(database=database, client=FlaskClient(None), road=Road())
    channels = {"orders": "shopify", "woo": "woocommerce", "pay": "stripe", "ads": "ads"}
    channels["mini"] = "mini-program"
    webhooks = {
        name: Webhook(
            name=name,
            tenant=TENANT,
            channel=CHANNELS[channel],
            source="shop",
            secrets=(SECRET, b"the secret that comes after this"),
        )
        for name, channel in channels.items()
    }
    cloud = Cloud(
        database=database,
        identifier_keys={TENANT: KEY},
        webhooks=webhooks,
        now=lambda: made.now,
    )
    made.client = create_app(cloud).test_client()
    yield made
    database.close()
