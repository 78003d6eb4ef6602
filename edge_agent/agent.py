"""The program of one store: builds every part from the configuration, starts and stops them."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent import chores, health
from edge_agent.chores import Chore, Rounds, Terms, store_chores
from edge_agent.clock import StoreClock
from edge_agent.codes.seal import load_or_create
from edge_agent.codes.translate import Keys
from edge_agent.config import AgentConfig, DeviceConfig
from edge_agent.database.database import Database
from edge_agent.delivery import delivery_store
from edge_agent.delivery.recorder import Recorder
from edge_agent.devices import acts, reads, states
from edge_agent.devices.acts import Actor
from edge_agent.devices.devices import CodeRules, Device, Equipment
from edge_agent.devices.scans import Spot
from edge_agent.doorbell import Doorbell
from edge_agent.erasing import Eraser, Signer
from edge_agent.health import Health, Troubles
from edge_agent.opening import opening
from edge_agent.operators import Operators
from edge_agent.places import Place
from edge_agent.supervisor import Supervised
from edge_agent.uplink import StoreIdentity, Uplink
from edge_agent.visits import traffic
from edge_agent.web import Site, WebServer
from hardware.actuator import ActuatorOptions
from hardware.driver import ActName, Factory
from hardware.drivers import DRIVERS
from hardware.options import read_options
from wire.link import Link

CLOSE_S_MAX = 5.0
# The part of it that devices are waited for; one that does not come back is left to itself.
DEVICES_CLOSE_S_MAX = 1.5
JUDGE_EVERY_S = 60.0

log = logging.getLogger(__name__)


class Agent:
    """Everything that runs in one store.

    Guarantees:
    - making one opens the store's file and takes the screens' address, so that whatever is wrong
      with them stops the start with a clear error;
    - `start` waits for no device and no line: a device that hangs, and a broker that is away, are
      shown in the store's health and nowhere else;
    - `close` returns within CLOSE_S_MAX seconds, with everything recorded that had returned.
    """

    def __init__(
        self,
        config: AgentConfig,
        link: Link,
        *,
        screens: "Callable[[Agent], Site] | None" = None,
        version: str = "",
        drivers: Mapping[str, Factory] = DRIVERS,
    ) -> None:
        self.config = config
        self.doorbell = Doorbell()
        self._drivers = drivers
        self.web: WebServer | None = None
        self._closed = threading.Event()
        with ExitStack() as undone:
            self.database = Database(config.database)
            undone.callback(self.database.close)
            self.recorder = Recorder(
                self.database, self.doorbell, config.outbox, operators=_operators(config)
            )
            self.clock = StoreClock(delivery_store.next_boot(self.database))
            self.uplink = Uplink(
                self.database, self.recorder, link, self.clock, _identity(config, version)
            )
            keys = _keys(config)
            self.devices = {each.name: self._device(each, keys) for each in config.devices}
            acting = [each.name for each in config.devices if _can(each)]
            self._rounds = Rounds(self._chores())
            # What fails there stands in `failing`.
            self._chores_thread = Supervised("chores", self._rounds.run, on_failed=_is_logged)
            self._threads = [
                *(
                    Supervised(f"device {name}", device.run, on_failed=device.failed)
                    for name, device in self.devices.items()
                ),
                *(
                    Supervised(
                        f"acts of {name}",
                        partial(self.devices[name].perform, self.database.reader),
                        on_failed=_is_logged,
                    )
                    for name in acting
                ),
                self._chores_thread,
            ]
            if screens is not None:
                web, site = config.web, screens(self)
                self.web = WebServer(
                    site.app, web.host, web.port, web.threads, end_streams=site.end_streams
                )
            undone.pop_all()

    def start(self) -> None:
        """Start everything, and return at once."""
        if self.database.salvaged is not None:
            log.error("the database was damaged; what could be read of it was saved")
        self.recorder.start()
        devices = frozenset(self.devices)
        self.recorder.write(lambda w: states.keep_only(w, devices))
        self.recorder.write(lambda w: acts.keep_only(w, devices))
        self.uplink.start()
        for thread in self._threads:
            thread.start()
        if self.web is not None:
            self.web.start()
            log.info("screens at http://%s:%d", self.web.host, self.web.port)

    def wait(self) -> None:
        """Wait until the agent is closed."""
        self._closed.wait()

    def close(self) -> None:
        """Stop everything; safe to call twice."""
        deadline_s = time.monotonic() + DEVICES_CLOSE_S_MAX
        for thread in self._threads:
            thread.stop()
        if self.web is not None:
            self.web.close()
        for thread in self._threads:
            if not thread.join(deadline_s - time.monotonic()):
                log.warning("%s does not come back, and is left to itself", thread.name)
        with ExitStack() as closing:
            # From the last to the first, each whatever becomes of those before it.
            closing.callback(self._closed.set)
            closing.callback(self.database.close)
            closing.callback(self.recorder.close)
            closing.callback(self.uplink.close)

    def health(self) -> Health:
        """Return how the agent is now."""
        return health.snapshot(
            self.database,
            self.recorder,
            self.config.outbox,
            self.clock.now(),
            link_up=self.uplink.up,
            troubles=self._troubles(),
            losses={name: device.losses for name, device in self.devices.items()},
            codes_read={name: device.codes_read for name, device in self.devices.items()},
        )

    def _troubles(self) -> Troubles:
        """Say which of the agent's own threads do not what they should."""
        ended = {"uplink": self.uplink.alive, "chores": self._chores_thread.alive}
        waiting = [self.uplink.failure] if self.uplink.failure else []
        failing = dict(self._rounds.failing)
        return Troubles(
            failures=tuple(
                f"the thread {name} does not run: restart the agent"
                for name, alive in ended.items()
                if not alive
            ),
            worries=(
                *waiting,
                *(f"a chore cannot be done: {name}: {why}" for name, why in failing.items()),
            ),
        )

    def kiosks(self) -> dict[str, Place]:
        """Return where each kiosk and till stands."""
        return {each.name: Place(device=each.name, zone=each.zone) for each in self.config.kiosks}

    def _device(self, config: DeviceConfig, keys: Keys) -> Device:
        roles = {each.name: each.role for each in self.config.kiosks}
        place = Place(device=config.name, zone=config.zone)
        spot = Spot(
            place=place,
            store=self.config.store,
            kiosk=self.kiosks()[config.kiosk] if config.kiosk else None,
            role=roles.get(config.kiosk, "kiosk"),
            actors=self._actors(config.kiosk),
            time_zone=self.config.timezone,
            languages=self.config.languages,
        )
        codes, people = self.config.codes, self.config.traffic
        return Device(
            Equipment(
                driver_name=config.driver,
                driver=self._drivers[config.driver](config.options),
                spot=spot,
                recorder=self.recorder,
                clock=self.clock,
                rules=CodeRules(
                    keys=keys,
                    debounce_s=codes.debounce_s,
                    held_s=codes.held_s,
                    badges=frozenset(badge.encode() for badge in people.staff_badges),
                    badge_away_s=people.badge_away_s,
                    badge_doors=frozenset(people.badge_doors),
                ),
                opening=opening(self.config.traffic.open_hours, self.config.timezone),
            )
        )

    def _actors(self, kiosk: str) -> tuple[Actor, ...]:
        """Return the devices that act on the answers of a kiosk or till."""
        return tuple(
            Actor(place=Place(device=each.name, zone=each.zone), can=_can(each))
            for each in self.config.devices
            if kiosk and each.kiosk == kiosk and _can(each)
        )

    def _chores(self) -> tuple[Chore, ...]:
        terms = Terms(
            idle_s_max=self.config.visits.idle_s_max,
            walk_away_s=self.config.visits.walk_away_s,
            visits_kept_days=self.config.visits.kept_days,
            personal_days_max=self.config.visits.personal_days_max,
            traffic_kept_days=self.config.traffic.kept_days,
            outbox=self.config.outbox,
        )

        def watch() -> None:
            for device in self.devices.values():
                device.watch(time.monotonic())

        began_at = self.clock.now().at

        def judge() -> None:
            now = self.clock.now()
            if traffic.hour_of(now.at) - traffic.HOUR_US < began_at:
                return  # it was not running in all of the hours that are judged
            little = reads.reading_little(reads.hours(self.database.reader(), now.at), now.at)
            for name, device in self.devices.items():
                device.judge(reads_little=name in little)

        eraser = Eraser(self.recorder, self.database, self.clock, _signer(self.config))
        return (
            Chore(name="erase", every_s=chores.TICK_S, do=eraser.do),
            *store_chores(self.recorder, self.database, self.clock, terms, self.kiosks()),
            Chore(name="watch the devices", every_s=chores.TICK_S, do=watch),
            Chore(name="judge what devices read", every_s=JUDGE_EVERY_S, do=judge),
        )


def _is_logged(_: str) -> None:
    """Do nothing more: the supervisor has logged the mistake with its trace."""


def _identity(config: AgentConfig, version: str) -> StoreIdentity:
    return StoreIdentity(
        tenant=config.tenant,
        store=config.store,
        operator=config.operator,
        version=version,
        tills=frozenset(kiosk.zone for kiosk in config.kiosks if kiosk.role == "till"),
    )


def _can(device: DeviceConfig) -> frozenset[ActName]:
    """Return the acts that a device is configured to do on the answers of its kiosk."""
    if device.driver != "actuator" or not device.kiosk:
        return frozenset()
    options = read_options(device.options, ActuatorOptions)
    return frozenset(options.commands) | (frozenset(("print",)) if options.printer else frozenset())


def _signer(config: AgentConfig) -> Signer:
    seed = load_or_create(config.receipt_key_file).key
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return Signer(tenant=config.tenant, store=config.store, key=key)


def _operators(config: AgentConfig) -> Operators:
    zones = {zone.name: zone.operator for zone in config.zones if zone.operator}
    return Operators(store=config.operator, zones=zones)


def _keys(config: AgentConfig) -> Keys:
    return Keys(
        identifier_key=config.identifier_key,
        seal=load_or_create(config.sealed_key_file),
        rules=config.codes.rules,
    )
