from datetime import date

import psycopg
import pytest

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.reports import store_hour
from wire.events import Discount, Door, Dwell, Event, Purchased, Tapped

HOUR = store_hour.HOUR_US


@pytest.fixture
def connection(cloud_dsn):
    with psycopg.connect(cloud_dsn, autocommit=True) as connection:
        yield connection


def accepted(body, at, store="s0001", tenant="acme", shard=3, accepted_at=None):
    event = Event(
        occurred_at=at, mono_ms=0, boot=1, clock=2, device="d", zone="a", identifiers=(), body=body
    )
    return LedgerEvent(
        shard=shard,
        position=1,
        day=date(2026, 11, 22),
        tenant=tenant,
        store=store,
        source="store",
        stream=b"s" * 16,
        seq=1,
        accepted_at=at if accepted_at is None else accepted_at,
        live=True,
        event=event,
    )


def test_events_add_up_by_store_and_hour_in_any_order(connection):
    off = (Discount("c1", "spring", 100), Discount("c2", "saved", 50))
    order = Purchased(order="o", lines=(), amount_cents=1250, currency="CNY", discounts=off)
    events = [
        accepted(Door(line="door", people_in=3, people_out=1), 5 * HOUR),
        accepted(Door(line="door", people_in=2), 6 * HOUR - 1),
        accepted(Dwell(entered_at=0, dwell_ms=900), 6 * HOUR),
        accepted(order, 6 * HOUR + 5),
        accepted(order, 6 * HOUR, store=None),
        accepted(Tapped(page="p", target="t"), 6 * HOUR),
        accepted(Door(line="door", people_in=50), 5 * HOUR, tenant="other"),
    ]
    store_hour.fold(connection, events[::-1][:4])
    store_hour.fold(connection, events[::-1][4:])
    assert store_hour.totals(connection, "acme", 5 * HOUR, 7 * HOUR) == {
        "s0001": {
            "people_in": 5,
            "people_out": 1,
            "stays": 1,
            "dwell_ms": 900,
            "orders": 1,
            "paid_cents.CNY": 1250,
            "discount_cents.CNY": 150,
        },
        "": {"orders": 1, "paid_cents.CNY": 1250, "discount_cents.CNY": 150},
    }
    assert store_hour.by_hour(connection, "acme", "s0001", "people_in", 0, 9 * HOUR) == [
        (5 * HOUR, 5)
    ]


def test_hours_outside_the_time_asked_for_do_not_count(connection):
    store_hour.fold(connection, [accepted(Door(line="d", people_in=1), 4 * HOUR)])
    assert store_hour.totals(connection, "acme", 5 * HOUR, 7 * HOUR) == {}


def test_a_store_whose_clock_is_a_year_ahead_sells_today(connection):
    order = Purchased(order="o", lines=(), amount_cents=1250, currency="CNY")
    year = 365 * 24 * HOUR
    store_hour.fold(connection, [accepted(order, 5 * HOUR + year, accepted_at=5 * HOUR)])
    assert store_hour.totals(connection, "acme", 5 * HOUR, 6 * HOUR) == {
        "s0001": {"orders": 1, "paid_cents.CNY": 1250}
    }
