"""The commands of the doors: what is set aside and replayed, and prices that differ."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cloud_sync.channels import refused
from cloud_sync.channels.delivery import Delivery
from cloud_sync.config import load
from cloud_sync.database import Database
from cloud_sync.reports.price_shown import fold
from storebridge.assembly import build_webhooks
from tests.doors import SECRET, payload
from tests.shopper_builders import KEY, TENANT, happened
from wire.events import Viewed

# 2026-11-26 00:00 UTC
NOW = 1_795_651_200_000_000
TEA = "6901234000016"


@pytest.fixture
def config(cloud_dsn: str, tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    file = tmp_path / "cloud.toml"
    file.write_text(
        f'[database]\ndsn = "{cloud_dsn}"\n[tenants.{TENANT}]\nidentifier_key = "{KEY.hex()}"\n'
        f'[webhooks.orders]\ntenant = "{TENANT}"\nchannel = "shopify"\nsource = "web"\n'
        'secret_file = "secret"\n'
    )
    return file


def ran(*arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "storebridge", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_delivery_set_aside_is_listed_and_replayed(config: Path, cloud_dsn: str):
    database = Database(cloud_dsn)
    webhook = build_webhooks(load(config, {}))["orders"]
    topic = {"x-shopify-topic": "orders/paid"}
    body = payload("shopify-orders-paid.json")
    delivery = Delivery(body=body, headers=topic, query={}, received_at=NOW)
    with database.shopper(TENANT) as connection:
        refused.keep(connection, webhook, KEY, delivery, "line_items: of a later version")
    database.close()
    code, text = ran("webhook", "list", config, "--json")
    (entry,) = json.loads(text)
    assert (code, entry["webhook"], entry["reason"]) == (
        0,
        "orders",
        "line_items: of a later version",
    )
    code, text = ran("webhook", "replay", config, entry["delivery"], "--json")
    assert (code, json.loads(text)) == (0, {"deliveries": 1, "accepted": 1, "refused": 0})
    assert ran("webhook", "list", config) == (0, "No delivery is set aside.\n")
    code, text = ran("webhook", "replay", config, "none")
    assert (code, "no delivery none is set aside" in text) == (2, True)


def test_prices_that_differ_are_listed_for_the_days_asked_for(config: Path, cloud_dsn: str):
    database = Database(cloud_dsn)
    with database.ledger(0) as connection:
        for store, cents in (("s0001", 8_800), (None, 8_500)):
            fold(
                connection,
                [happened(Viewed(TEA, price_cents=cents, currency="CNY"), store=store, at=NOW)],
            )
    database.close()
    asked = ["report", "prices", config, "--tenant", TENANT, "--from", "2026-11-26"]
    code, text = ran(*asked, "--to", "2026-11-26", "--json")
    (difference,) = json.loads(text)["differences"]
    assert (code, difference["product"], difference["lasted_s"]) == (0, TEA, 16 * 3600)
    assert [each["price_cents"] for each in difference["prices"]] == [8_500, 8_800]
    code, text = ran(*asked, "--to", "2026-11-25")
    assert (code, "--to lies before --from" in text) == (2, True)
