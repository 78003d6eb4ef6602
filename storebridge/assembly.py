"""How the parts of a store and of the cloud are put together.

What the cloud needs is imported where it is built: a store shall not load it.
"""

import sys
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from edge_agent.agent import Agent
from edge_agent.config import AgentConfig
from edge_agent.web import Site, WebServer
from hardware.scanners.barcode_posted import PostedScanner
from kiosk_ui.app import create_app
from kiosk_ui.store import Scanner, Store
from kiosk_ui.streams import Streams
from wire.link import Link
from wire.mqtt import MqttLink

if TYPE_CHECKING:
    from cloud_sync.channels.sites import Site as ShopSite
    from cloud_sync.channels.webhooks import Webhook
    from cloud_sync.config import CloudConfig
    from cloud_sync.database import Database
    from cloud_sync.flow.connector import Connector
    from cloud_sync.workers.worker import Worker

# A thread that computes (a screen that is drawn, a backlog that is folded) gives way to one that
# waits for it so often; at Python's own 5 ms each step of an answer may wait as long as that.
SWITCH_INTERVAL_S = 0.0005


def our_version() -> str:
    """Return the version of this installation."""
    return version("storebridge")


def build_link(config: AgentConfig) -> MqttLink:
    """Build a store's link to its broker; the client id names tenant and store."""
    broker = config.broker
    return MqttLink(
        broker.host,
        broker.port,
        client_id=f"{config.tenant}-{config.store}",
        username=broker.username,
        password=broker.password,
        tls_ca=broker.tls_ca,
        keepalive_s=broker.keepalive_s,
    )


def build_agent(config: AgentConfig, link: Link | None = None) -> Agent:
    """Build the agent of a store with its screens."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return Agent(
        config,
        build_link(config) if link is None else link,
        screens=build_screens,
        version=our_version(),
    )


def build_screens(agent: Agent) -> Site:
    """Build the screens that an agent serves."""
    config = agent.config
    places = agent.kiosks()
    tills = {each.name for each in config.kiosks if each.role == "till"}
    streams = Streams(agent.doorbell)
    app = create_app(
        Store(
            recorder=agent.recorder,
            database=agent.database,
            clock=agent.clock,
            doorbell=agent.doorbell,
            health=agent.health,
            link_up=lambda: agent.uplink.up,
            tenant=config.tenant,
            store=config.store,
            name=config.names,
            kiosks={name: at for name, at in places.items() if name not in tills},
            tills={name: at for name, at in places.items() if name in tills},
            zones={zone.name: zone.names for zone in config.zones},
            scanners=_posted_scanners(agent),
            languages=config.languages,
            staff_pin_hash=config.web.staff_pin_hash,
            time_zone=config.timezone,
            visits_kept_days=config.visits.kept_days,
            personal_days_max=config.visits.personal_days_max,
            media=config.web.media_folder,
            frame_ancestors=config.web.frame_ancestors,
        ),
        streams,
    )
    return Site(app, streams.close)


def _posted_scanners(agent: Agent) -> dict[str, Scanner]:
    """Return the devices of a store whose codes are posted to its address."""
    kiosks = {each.name: each.kiosk for each in agent.config.devices}
    return {
        name: Scanner(
            post=device.post, refuse=device.refuse, kiosk=kiosks[name], token=driver.token
        )
        for name, device in agent.devices.items()
        if isinstance(driver := device.equipment.driver, PostedScanner)
    }


def build_worker(config: "CloudConfig", database: "Database") -> "Worker":
    """Build a cloud worker."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    from cloud_sync.decisions.decide import decide
    from cloud_sync.decisions.trends import Trends
    from cloud_sync.workers.road import Road
    from cloud_sync.workers.worker import Worker

    broker = config.broker

    def link(client_id: str) -> Link:
        return MqttLink(
            broker.host,
            broker.port,
            client_id=client_id,
            username=broker.username,
            password=broker.password,
            tls_ca=broker.tls_ca,
            keepalive_s=broker.keepalive_s,
        )

    return Worker(config, database, link, Road().fold, partial(decide, trends=Trends()))


def build_cloud_web(config: "CloudConfig", database: "Database") -> WebServer:
    """Build the server of headquarters' pages and the API."""
    from cloud_sync.cloud import Cloud
    from cloud_sync.codes.signing_key import read_signing_key
    from cloud_sync.web.app import create_app as create_cloud_app

    web = config.web
    cloud = Cloud(
        erasures_file=config.erasures_file,
        database=database,
        identifier_keys=config.identifier_keys,
        signing_keys={name: read_signing_key(file) for name, file in config.code_keys.items()},
        webhooks=build_webhooks(config),
        sites=build_sites(config),
        time_zone=web.time_zone,
        secure=web.secure,
        frame_ancestors=web.frame_ancestors,
    )
    return WebServer(create_cloud_app(cloud), web.host, web.port, web.threads)


def build_webhooks(config: "CloudConfig") -> "dict[str, Webhook]":
    """Build the addresses that other systems deliver to."""
    from cloud_sync.channels.table import CHANNELS
    from cloud_sync.channels.webhooks import Webhook, read_secrets

    return {
        name: Webhook(
            name=name,
            tenant=each.tenant,
            channel=CHANNELS[each.channel],
            source=each.source,
            secrets=read_secrets(each.secret_file),
        )
        for name, each in config.webhooks.items()
    }


def build_sites(config: "CloudConfig") -> "dict[str, ShopSite]":
    """Build the web shops whose pages may tell."""
    from cloud_sync.channels.sites import Site as ShopSite

    return {
        name: ShopSite(
            name=name, tenant=each.tenant, source=each.source, origins=frozenset(each.origins)
        )
        for name, each in config.sites.items()
    }


def tell_stores(database: "Database", tenant: str) -> int:
    """Tell each known store what it does not know of the catalogue; returns how many there were."""
    from cloud_sync.fleet.twins import store_names
    from cloud_sync.workers.road import tell_catalogue

    with database.shopper(tenant) as connection:
        return len(tell_catalogue(connection, tenant, store_names(connection, tenant)))


def build_connectors(config: "CloudConfig", database: "Database") -> "list[Connector]":
    """Build what tells other systems of shoppers, and let each be known to the database."""
    from cloud_sync.flow.connector import Connector, Purpose, enlist
    from cloud_sync.flow.kinds import read_secret
    from cloud_sync.flow.senders import SENDERS, Route
    from wire.mqtt_publisher import Publisher

    broker = config.broker
    publisher = Publisher(broker.host, broker.port, broker.username, broker.password, broker.tls_ca)
    built = []
    for name, each in config.connectors.items():
        route = Route(
            tenant=each.tenant,
            connector=name,
            address=each.address,
            secret=read_secret(each.secret_file) if each.secret_file else b"",
            publish=publisher.publish,
        )
        purpose = Purpose(tenant=each.tenant, connector=name, audiences=each.audiences)
        with database.shopper(each.tenant) as connection:
            enlist(connection, [purpose])
        built.append(Connector(database, purpose, SENDERS[each.kind](route)))
    return built
