"""How the parts of a store and of the cloud are put together."""

from importlib.metadata import version
from wsgiref.types import WSGIApplication

from edge_agent.agent import Agent
from edge_agent.config import AgentConfig
from kiosk_ui.app import create_app
from kiosk_ui.store import Store
from wire.link import Link
from wire.mqtt import MqttLink


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
    return Agent(
        config,
        build_link(config) if link is None else link,
        screens=build_screens,
        version=our_version(),
    )


def build_screens(agent: Agent) -> WSGIApplication:
    """Build the screens that an agent serves."""
    config = agent.config
    return create_app(
        Store(
            recorder=agent.recorder,
            database=agent.database,
            clock=agent.clock,
            doorbell=agent.doorbell,
            health=agent.health,
            tenant=config.tenant,
            store=config.store,
            name=config.names,
            kiosks=agent.kiosks(),
            zones={zone.name: zone.names for zone in config.zones},
            languages=config.languages,
            staff_pin_hash=config.web.staff_pin_hash,
            time_zone=config.timezone,
        )
    )
