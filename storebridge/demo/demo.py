"""The demo: starts every part of a small town, lets it live, and ends it all in order."""

import logging
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests

from cloud_sync import catalogue
from cloud_sync.catalogue_file import SAMPLE, read_catalogue
from cloud_sync.codes.signing_key import public_text
from cloud_sync.console.people import add_person
from cloud_sync.database import Database
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.intake.api_keys import create_key
from edge_agent.web import WebError, WebServer
from storebridge.broker import BrokerError, EmbeddedBroker
from storebridge.demo import audit as auditing
from storebridge.demo.cameras import StoreCameras
from storebridge.demo.children import Child, ChildError, own_environ
from storebridge.demo.kiosk_client import KioskClient
from storebridge.demo.light_stores import LightPlan, write_plan
from storebridge.demo.reads import count_of_reads
from storebridge.demo.shoppers import Seen, Shoppers, Surroundings
from storebridge.demo.wallets import new_wallets
from storebridge.demo.webshop_visitor import WebshopVisitor
from storebridge.line import Line
from storebridge.ports import wait_until_open
from storebridge.postgres import EmbeddedPostgres, PostgresError
from storebridge.simulated.cards import Held
from storebridge.simulated.film import FILM, make_film
from storebridge.stage.app import create_stage
from storebridge.town import (
    CONSOLE_NAME,
    TENANT,
    VISITORS,
    StorePlan,
    agent_toml,
    cloud_toml,
    plan_town,
)
from wire.views import ProductView

# Watches over the servers while we run (storebridge/demo/guard.py).
GUARD = "guard"
READY_TIMEOUT_S = 60.0
DRAIN_TIMEOUT_S = 90.0
DRAIN_POLL_S = 0.25
MAKE_WAY_S = 40.0
METRICS_TIMEOUT_S = 5.0
FIGURE = re.compile(r"^storebridge_edge_(\w+) (\S+)$", re.MULTILINE)
STAGE_THREADS = 48

log = logging.getLogger(__name__)


class DemoError(Exception):
    """The demo cannot be started, or a part of it ended by itself."""


class DemoEnded(Exception):
    """The demo was asked to end before all of it had started."""


# What the world can do to a demo; anything else is our mistake.
FAILURES = (DemoError, ChildError, BrokerError, PostgresError, WebError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How the demo runs: how many whole stores, how fast, a seed, a real camera or "".

    Without `shoppers` nobody comes but the visitor, who then has the stores for themselves.
    """

    stores: int = 2
    speed: float = 1.0
    seed: int = 1
    shoppers: bool = True
    camera: str = ""
    folder: Path | None = None


class Demo:
    """A town of real parts.

    Guarantees: `start` returns when every screen answers, or raises DemoEnded soon after `ended`
    says so; `close` ends every process and thread that `start` began, in order, also when `start`
    failed half-way.
    """

    def __init__(self, options: DemoOptions, ended: Callable[[], bool] = lambda: False) -> None:
        self.options = options
        self._ended = ended
        self.seen = Seen()
        self.cut_seconds = 0.0
        # 0 before the first cut, None while, or if never, the stores hold something back after one.
        self.drained_seconds: float | None = 0.0
        self._cut_at_s: float | None = None
        self._drain: threading.Thread | None = None
        self._lock = threading.Lock()
        self._ending = ExitStack()
        self._children: list[Child] = []
        self._shoppers: dict[str, Shoppers] = {}
        self.products: Sequence[ProductView] = ()
        self.dsn = ""

    def start(self) -> None:
        """Start everything; see the class."""
        options = self.options
        folder = options.folder or Path(tempfile.mkdtemp(prefix="storebridge-demo-"))
        if options.folder is None:
            self._ending.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.town = plan_town(
            folder, stores=options.stores, seed=options.seed, camera=options.camera
        )
        self._start(GUARD, "guard", str(folder), "--passing" if not options.folder else "--keep")
        for step in (
            self._start_broker,
            self._start_database,
            self._fill_cloud,
            self._start_cameras_and_stage,
            self._start_children,
            self._wait_until_ready,
            self._start_shoppers,
        ):
            if self._ended():
                raise DemoEnded
            step()

    def check(self) -> None:
        """Raise DemoError, with its last words, when a part has ended by itself."""
        for child in self._children:
            child.check()

    def close(self) -> None:
        """End everything; safe to call twice."""
        self._ending.close()

    # What the stage needs (storebridge/stage/theatre.py).

    def jpeg_frames(self, store: str, camera: str) -> Iterator[bytes]:
        """Yield the frames of a store's camera; KeyError for one that is not there."""
        return self._cameras[store].frames(camera)

    def show(self, store: str, held: Held) -> None:
        """Hold something to the kiosk's camera of a store."""
        if (shoppers := self._shoppers.get(store)) is not None:
            shoppers.make_way(MAKE_WAY_S)
        self._cameras[store].kiosk.show(held)

    def phone(self, member: str) -> Held:
        """Return a member's phone with a new token."""
        return self.wallets.phone(member)

    @property
    def line_is_cut(self) -> bool:
        """Tell whether the line between stores and cloud is cut."""
        return self.line.is_cut

    def cut_line(self) -> None:
        """Cut the line between all stores and the cloud."""
        with self._lock:
            if self._cut_at_s is None:
                self._cut_at_s = time.monotonic()
                self.line.cut()

    def restore_line(self) -> None:
        """Mend the line."""
        with self._lock:
            if self._cut_at_s is not None:
                self.cut_seconds += time.monotonic() - self._cut_at_s
                self._cut_at_s = None
                self.drained_seconds = None
                self.line.restore()
                self._drain = threading.Thread(target=self._watch_drain, name="drain", daemon=True)
                self._drain.start()

    def figures(self) -> dict[str, object]:
        """Return what the stage shows of the whole town."""
        counts = auditing.counts_now(self.dsn, TENANT, [store.name for store in self.town.stores])
        # What a store has recorded only it can say while the line is cut.
        told = [self._figures_of(store) for store in self.town.stores]
        counts["recorded"] += sum(each.get("head", 0) for each in told)
        with self.seen.lock:
            times_ms = sorted(self.seen.scan_to_screen_ms)
            answered = self.seen.answered
        median_ms = times_ms[len(times_ms) // 2] if times_ms else None
        return {
            **counts,
            "waiting": sum(each.get("queue_rows", 0) for each in told),
            "scans_answered": answered,
            "scan_to_screen_ms": None if median_ms is None else round(median_ms),
            "line_is_cut": self.line_is_cut,
        }

    # The end of the demo.

    def end_shoppers(self) -> None:
        """Let nobody else come in, in the stores and online."""
        for shoppers in self._shoppers.values():
            shoppers.close()

    def drain(self) -> None:
        """Wait until the stores hold nothing back; gives up after DRAIN_TIMEOUT_S."""
        if self._drain is not None:
            self._drain.join(DRAIN_TIMEOUT_S)
        self._light_stores.end()
        gives_up_s = time.monotonic() + DRAIN_TIMEOUT_S
        while time.monotonic() < gives_up_s and any(
            self._figures_of(store).get("queue_rows") for store in self.town.stores
        ):
            time.sleep(DRAIN_POLL_S)

    def _watch_drain(self) -> None:
        """Measure how long it takes after a cut until no store holds anything back."""
        began_s, since = time.monotonic(), time.time_ns() // 1000
        while time.monotonic() - began_s < DRAIN_TIMEOUT_S:
            if auditing.drained(self.dsn, TENANT, since):
                self.drained_seconds = time.monotonic() - began_s
                return
            time.sleep(DRAIN_POLL_S)

    def _figures_of(self, store: StorePlan) -> dict[str, int]:
        """Return what a store's agent says of itself; nothing while it starts or ends."""
        try:
            text = requests.get(self.town.metrics_url(store), timeout=METRICS_TIMEOUT_S).text
        except requests.RequestException:
            return {}
        return {name: int(float(value)) for name, value in FIGURE.findall(text)}

    def audit(self) -> auditing.Audit:
        """End the stores and hold what they recorded against what the cloud has."""
        for child in self._agents:
            child.ask_to_end()
        for child in self._agents:
            child.end()
        names = [*(store.name for store in self.town.stores)]
        paths = [self.town.folder / name / "store.sqlite3" for name in names]
        light = self.town.folder / "light"
        paths += [light / name / "store.sqlite3" for name in self.town.light_stores]
        return auditing.audit(self.dsn, paths)

    # The parts.

    def _start_broker(self) -> None:
        self.broker = EmbeddedBroker(self.town.folder / "broker", self.town.broker_users)
        self._ending.callback(self.broker.stop)
        self.broker.start()
        self.line = Line(self.broker.host, self.broker.port)
        self.line.open()
        self._ending.callback(self.line.close)

    def _start_database(self) -> None:
        postgres = EmbeddedPostgres(self.town.folder / "postgres")
        self._ending.callback(postgres.stop)
        self.dsn = postgres.start()

    def _fill_cloud(self) -> None:
        database = Database(self.dsn)
        try:
            database.migrate(MIGRATIONS)
            with database.shopper(TENANT) as connection:
                sample = read_catalogue(SAMPLE)
                catalogue.import_catalogue(connection, TENANT, sample)
                self.products = catalogue.products_of(connection, TENANT)
                add_person(connection, TENANT, CONSOLE_NAME, self.town.console_password)
                self.api_key = create_key(connection, TENANT, "web")
                self.wallets = new_wallets(connection, self.town)
        finally:
            database.close()

    def _start_cameras_and_stage(self) -> None:
        self._cameras = {
            store.name: StoreCameras(
                self.options.seed + store.number,
                partial(count_of_reads, self.town.metrics_url(store)),
            )
            for store in self.town.stores
        }
        for cameras in self._cameras.values():
            cameras.start()
            self._ending.callback(cameras.close)
        stage = WebServer(create_stage(self), self.town.host, self.town.stage_port, STAGE_THREADS)
        stage.start()
        self._ending.callback(stage.close)

    def _start_children(self) -> None:
        town = self.town
        cloud = town.folder / "cloud.toml"
        cloud.touch(mode=0o600)
        cloud.write_text(cloud_toml(town, dsn=self.dsn, broker_port=self.broker.port))
        self._start("cloud worker", "cloud", "run", str(cloud), "--no-web")
        self._start("cloud web", "cloud", "run", str(cloud), "--no-work")
        self._agents = [self._start_agent(store) for store in town.stores]
        plan = town.folder / "light.json"
        write_plan(
            LightPlan(
                tenant=TENANT,
                stores=town.light_stores,
                folder=str(town.folder / "light"),
                port=self.line.port,
                password=town.broker_password,
            ),
            plan,
        )
        self._light_stores = self._start("light stores", "light-stores", str(plan))

    def _start_agent(self, store: StorePlan) -> Child:
        make_film(self.town.folder / store.name / "media", FILM)
        path = self.town.folder / f"{store.name}.toml"
        path.touch(mode=0o600)
        path.write_text(
            agent_toml(
                self.town,
                store,
                line_port=self.line.port,
                public_key=public_text(self.wallets.signing_key),
            )
        )
        return self._start(f"agent {store.name}", "agent", "run", str(path))

    def _start(self, name: str, *arguments: str) -> Child:
        log_file = self.town.folder / f"{name.replace(' ', '-')}.log"
        child = Child(name, arguments, log=log_file, environ=own_environ())
        self._children.append(child)
        self._ending.callback(self._end, child)
        child.start()
        return child

    def _end(self, child: Child) -> None:
        # The first to be ended asks all of them, so that they end side by side; but the guard stays
        # to the last, as we may be killed while we end.
        for each in self._children:
            if each.name != GUARD:
                each.ask_to_end()
        if child in self._children:
            self._children.remove(child)
        child.end()

    def _wait_until_ready(self) -> None:
        def alive() -> bool:
            return not self._ended() and all(child.pid for child in self._children)

        for port in (self.town.cloud_port, *(store.port for store in self.town.stores)):
            ready = wait_until_open(self.town.host, port, timeout_s=READY_TIMEOUT_S, alive=alive)
            self.check()
            if self._ended():
                raise DemoEnded
            if not ready:
                raise DemoError(f"port {port} did not open within {READY_TIMEOUT_S:.0f} s")

    def _start_shoppers(self) -> None:
        if not self.options.shoppers:
            return
        visitor = WebshopVisitor(f"{self.town.stage_url}shop")
        # Whoever tries a real camera out has its kiosk for themselves.
        for store in (each for each in self.town.stores if not self.town.camera_of(each)):
            kiosk = KioskClient(self.town.kiosk_url(store))
            kiosk.start()
            self._ending.callback(kiosk.close)
            shoppers = Shoppers(
                Surroundings(
                    cameras=self._cameras[store.name],
                    kiosk=kiosk,
                    wallets=self.wallets,
                    browse=visitor.browse,
                    line_is_cut=lambda: self.line_is_cut,
                    products=[product.product for product in self.products],
                ),
                self.town.members[VISITORS:][store.number - 1 :: len(self.town.stores)],
                self.seen,
                seed=self.options.seed * 100 + store.number,
                speed=self.options.speed,
            )
            self._shoppers[store.name] = shoppers
            shoppers.start()
            self._ending.callback(shoppers.close)
