"""Light stores: the real outbox, recorder and uplink of a store, with readings made up.

Fifty of them fit into one process, since what costs in a store is its cameras and screens.
"""

import json
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from edge_agent import health
from edge_agent.clock import StoreClock
from edge_agent.database.database import Database
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder
from edge_agent.devices import states
from edge_agent.doorbell import Doorbell
from edge_agent.operators import Operators
from edge_agent.places import Place, event_at
from edge_agent.uplink import StoreIdentity, Uplink
from hardware.codes.gtin import check_digit
from hardware.readings import DeviceCondition
from wire.events import AnyBody, Door, Dwell, Line, Purchased
from wire.mqtt import MqttLink

TICK_S = 0.5
# Each store has something to tell about this often.
EVENT_EVERY_S = 6.0
DRAIN_S_MAX = 15.0
DRAIN_POLL_S = 0.1
UNWELL_DEVICE = "camera-door"
OPERATOR = "light"
UNWELL_REASON = "black"


@dataclass(frozen=True, slots=True, kw_only=True)
class LightPlan:
    """What the process of the light stores is told, as a JSON file."""

    tenant: str
    stores: tuple[str, ...]
    folder: str
    port: int
    password: str
    seed: int = 1
    host: str = "127.0.0.1"


def read_plan(path: Path) -> LightPlan:
    """Read the plan that `write_plan` wrote."""
    table = json.loads(path.read_text())
    return LightPlan(**{**table, "stores": tuple(table["stores"])})


def write_plan(plan: LightPlan, path: Path) -> None:
    """Write a plan for the process of the light stores; it holds a password."""
    path.touch(mode=0o600)
    path.write_text(json.dumps({name: getattr(plan, name) for name in plan.__slots__}))


class LightStore:
    """One light store."""

    def __init__(self, plan: LightPlan, store: str, *, seed: int, unwell: bool) -> None:
        folder = Path(plan.folder) / store
        folder.mkdir(parents=True, exist_ok=True)
        doorbell = Doorbell()
        self._rng = random.Random(seed)  # noqa: S311 (made-up readings)
        self._database = Database(folder / "store.sqlite3")
        self._recorder = Recorder(
            self._database, doorbell, Limits(), operators=Operators(store=OPERATOR)
        )
        self._clock = StoreClock(1)
        self._unwell = unwell
        link = MqttLink(
            plan.host,
            plan.port,
            client_id=f"{plan.tenant}-{store}",
            username=f"{plan.tenant}-{store}",
            password=plan.password,
            keepalive_s=5,
        )
        self._uplink = Uplink(
            self._database,
            self._recorder,
            link,
            self._clock,
            StoreIdentity(tenant=plan.tenant, store=store, operator=OPERATOR, version="demo"),
        )
        self._store = store
        self._orders = 0

    def start(self) -> None:
        """Start recording and sending."""
        self._recorder.start()
        now = self._clock.now()

        place = Place(device=UNWELL_DEVICE, zone="window")
        state: DeviceCondition = "failed" if self._unwell else "ok"
        reason = UNWELL_REASON if self._unwell else ""
        self._recorder.write(lambda w: states.note(w, now, place, "people-camera", state, reason))
        self._uplink.start()

    def tick(self, elapsed_s: float) -> None:
        """Let something happen, now and then."""
        if self._rng.random() >= elapsed_s / EVENT_EVERY_S:
            return
        place = Place(device=UNWELL_DEVICE, zone="window")
        instant = self._clock.now()
        self._recorder.record(event_at(place, instant, self._body(instant.at)))

    def is_drained(self) -> bool:
        """Tell whether the cloud has receipted everything."""
        return health.stored_in(self._database.reader()).queue.rows == 0

    def close(self) -> None:
        """Stop."""
        self._uplink.close()
        self._recorder.close()
        self._database.close()

    def _body(self, at: int) -> AnyBody:
        chance = self._rng.random()
        if chance < 0.5 and not self._unwell:
            return Door(line="door", people_in=self._rng.randint(0, 3), people_out=1)
        if chance < 0.85 and not self._unwell:
            dwell_ms = int(self._rng.expovariate(1 / 14_000)) + 1_000
            return Dwell(entered_at=at - dwell_ms * 1_000, dwell_ms=dwell_ms)
        self._orders += 1
        amount_cents = self._rng.randrange(80, 900) * 100
        digits = f"690123456{self._rng.randrange(100):03}"
        line = Line(f"{digits}{check_digit(digits)}", 1, amount_cents, "maru")
        order = f"{self._store}-{self._orders}"
        return Purchased(order=order, lines=(line,), amount_cents=amount_cents, currency="CNY")


def run(plan: LightPlan, ended: threading.Event) -> None:
    """Run all light stores of a plan until `ended`; the last of them is unwell."""
    stores = [
        LightStore(plan, name, seed=plan.seed + number, unwell=name == plan.stores[-1])
        for number, name in enumerate(plan.stores)
    ]
    for store in stores:
        store.start()
    while not ended.wait(TICK_S):
        for store in stores:
            store.tick(TICK_S)
    gives_up_s = time.monotonic() + DRAIN_S_MAX
    while time.monotonic() < gives_up_s and not all(store.is_drained() for store in stores):
        time.sleep(DRAIN_POLL_S)
    for store in stores:
        store.close()
