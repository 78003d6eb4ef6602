"""What is due is done, and a refusal of the database costs one turn only."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent import chores
from edge_agent.chores import Chore, Rounds, Terms
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import RecordError
from edge_agent.supervisor import Supervised
from edge_agent.till import till
from edge_agent.visits import basket, traffic, visits
from tests.edge_store import ANNA, KIOSK, SHOE, TILL, Shop, a_shop

TERMS = Terms(
    idle_s_max=90,
    walk_away_s=20,
    visits_kept_days=30,
    personal_days_max=90,
    traffic_kept_days=35,
    outbox=Limits(),
)
TILLS = {TILL.device: TILL}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def do_all(shop: Shop) -> None:
    for chore in chores.store_chores(shop.recorder, shop.database, shop.clock, TERMS, TILLS):
        chore.do()


def test_an_idle_visit_is_ended_and_a_quiet_store_is_not_written(shop: Shop):
    shop.begin(ANNA)
    shop.clock.advance(91)
    do_all(shop)
    assert shop.events()[-1].body == visits.VisitEnded(by="time_out")


def test_a_basket_that_nobody_pays_is_put_back_in_time(shop: Shop):
    shop.sells(SHOE)
    for _ in range(2):
        shop.recorder.write(lambda w: till.add(w, shop.clock.now(), TILL, None, SHOE))
        shop.clock.advance(60)
        do_all(shop)
    assert len(basket.lines(shop.connection, TILL.device)) == 1
    shop.clock.advance(31)
    do_all(shop)
    assert basket.lines(shop.connection, TILL.device) == []
    changed = shop.events("basket_changed")
    assert [event.body.quantity for event in changed] == [1, 1, -2]  # type: ignore[union-attr]
    assert (changed[-1].device, changed[-1].zone, changed[-1].brand) == (
        "till-1",
        "checkout",
        "acme",
    )


def test_nothing_due_wakes_no_screen(shop: Shop):
    (end_visits, *_) = chores.store_chores(shop.recorder, shop.database, shop.clock, TERMS, TILLS)
    shop.begin(ANNA)
    before = shop.recorder.doorbell.count
    end_visits.do()
    assert shop.recorder.doorbell.count == before


def test_old_visits_and_traffic_go_in_their_time(shop: Shop):
    shop.begin(ANNA)
    visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")
    at = shop.clock.now().at
    shop.recorder.write(lambda w: traffic.add_stay(w, "shoes", at, 1_000, 1))
    shop.clock.advance(31 * 86_400)
    do_all(shop)
    assert count(shop, "visits") == 0
    assert count(shop, "zone_hours") == 1
    shop.clock.advance(5 * 86_400)
    do_all(shop)
    assert count(shop, "zone_hours") == 0


def count(shop: Shop, table: str) -> int:
    row = shop.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0])


def test_a_chore_that_the_disk_refuses_is_done_again_and_stops_no_other():
    stop, done = threading.Event(), [0, 0]

    def refused() -> None:
        done[0] += 1
        raise RecordError("the disk is full")

    def well() -> None:
        done[1] += 1
        if min(done) >= 3:
            stop.set()

    both = (
        Chore(name="refused", every_s=0.001, do=refused),
        Chore(name="well", every_s=0.001, do=well),
    )
    rounds = Rounds(both)
    rounds.run(stop)
    assert min(done) >= 3
    assert rounds.failing == {"refused": "the disk is full"}


def test_a_mistake_in_a_chore_is_told_and_keeps_no_other_from_its_turn():
    recovered, done, broken = threading.Event(), [0], [True]

    def mistaken() -> None:
        if broken:
            raise ValueError("a mistake in the program")

    def well() -> None:
        done[0] += 1
        if done[0] == 1:
            assert rounds.failing == {"mistaken": chores.MISTAKE}
            broken.clear()
        if done[0] >= 3 and not rounds.failing:
            recovered.set()

    both = (
        Chore(name="mistaken", every_s=0.001, do=mistaken),
        Chore(name="well", every_s=0.001, do=well),
    )
    rounds = Rounds(both)
    thread = Supervised("chores", rounds.run, on_failed=lambda _: None)
    thread.start()
    assert recovered.wait(20)
    thread.stop()
    assert thread.join(20)
