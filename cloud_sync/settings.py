"""The table of everything that can be set for the cloud service."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from cloud_sync.channels.table import CHANNELS
from cloud_sync.flow.kinds import KINDS
from settings import checks
from settings.checks import Expected
from settings.setting import Setting
from wire.topics import NAME


def dsn(value: object) -> str:
    """Accept how a PostgreSQL is reached, as psycopg reads it."""
    try:
        conninfo_to_dict(checks.text(value))
    except psycopg.ProgrammingError as error:
        raise Expected("a PostgreSQL DSN such as host=db.example dbname=storebridge") from error
    return str(value)


_NAME = checks.matching(NAME, "1 to 40 of a-z 0-9 _ -, beginning with a letter or digit")

SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="folder",
        check=checks.file,
        default="storebridge-cloud",
        about="where the embedded database lies when no DSN is given, from the place of this file",
    ),
    Setting(
        name="erasures_file",
        check=checks.file,
        default="storebridge-erasures.jsonl",
        about="the list of who was erased, without names, from the place of this file; to be kept"
        " apart from the database and its backups, and shared by all machines of the cloud",
    ),
    Setting(
        name="lapsed_days",
        check=checks.whole(30, 3_650),
        default=1_095,
        about="a shopper who was not heard of for so long is erased",
    ),
    Setting(
        name="wipe_hour",
        check=checks.whole(-1, 23),
        default=3,
        about="the hour of the day, in web.time_zone, in which what erased shoppers left on the"
        " database's disk is overwritten; -1: by `storebridge shopper wipe` alone",
    ),
    Setting(
        name="database.dsn",
        check=checks.or_empty(dsn),
        default="",
        environ="STOREBRIDGE_DATABASE_DSN",
        about="the PostgreSQL to use; empty: the embedded one",
    ),
    Setting(
        name="database.connections_max",
        check=checks.whole(4, 200),
        default=16,
        about="connections of one process",
    ),
    Setting(name="broker.host", check=checks.text, default="127.0.0.1", about="the MQTT broker"),
    Setting(name="broker.port", check=checks.whole(1, 65_535), default=1883, about="its port"),
    Setting(name="broker.username", check=checks.text, default="", about="the login of the cloud"),
    Setting(
        name="broker.password",
        check=checks.text,
        default="",
        environ="STOREBRIDGE_BROKER_PASSWORD",
        about="its password",
    ),
    Setting(
        name="broker.tls_ca",
        check=checks.file_or_empty,
        default="",
        about="the certificate file the broker is checked with, from the place of this file;"
        " empty: no TLS",
    ),
    Setting(
        name="broker.keepalive_s",
        check=checks.whole(5, 300),
        default=15,
        about="how long a dead line stays unnoticed",
    ),
    Setting(
        name="worker.live_messages_max",
        check=checks.whole(1, 10_000),
        default=512,
        about="live messages that may wait; when full, the link waits",
    ),
    Setting(
        name="worker.back_messages_max",
        check=checks.whole(1, 10_000),
        default=256,
        about="backlog messages that may wait",
    ),
    Setting(
        name="worker.full_wait_s_max",
        check=checks.number(0, 60),
        default=5.0,
        about="how long the link waits before a message is dropped, which its store then sends"
        " again",
    ),
    Setting(
        name="worker.live_per_turn_max",
        check=checks.whole(1, 1_000),
        default=100,
        about="live messages of one turn of the loop",
    ),
    Setting(
        name="worker.back_per_turn_busy",
        check=checks.whole(1, 1_000),
        default=1,
        about="backlog messages of a turn while live events name shoppers",
    ),
    Setting(
        name="worker.back_per_turn_quiet",
        check=checks.whole(1, 1_000),
        default=20,
        about="backlog messages of a turn when none did for a second",
    ),
    Setting(
        name="worker.fold_events_max",
        check=checks.whole(1, 20_000),
        default=5_000,
        about="events folded in one transaction",
    ),
    Setting(
        name="worker.poll_s",
        check=checks.number(0.001, 0.05),
        default=0.03,
        about="how often the ledger is looked at for events that came over HTTP",
    ),
    Setting(
        name="worker.lease_s",
        check=checks.number(1, 4),
        default=3.0,
        about="how long a shard stays with a worker that says nothing",
    ),
    Setting(
        name="worker.renew_every_s",
        check=checks.number(0.05, 1),
        default=0.5,
        about="how often a worker says that it lives",
    ),
    Setting(
        name="web.host",
        check=checks.text,
        default="127.0.0.1",
        about="where headquarters and the API are served",
    ),
    Setting(
        name="web.port",
        check=checks.whole(0, 65_535),
        default=8080,
        about="their port; 0: any free one",
    ),
    Setting(name="web.threads", check=checks.whole(8, 256), default=32, about="requests at once"),
    Setting(
        name="web.secure",
        check=checks.flag,
        default=True,
        about="false only without TLS in front, on one machine",
    ),
    Setting(
        name="web.time_zone",
        check=checks.timezone,
        default="Asia/Shanghai",
        about="when headquarters' day begins",
    ),
    Setting(
        name="web.frame_ancestors",
        check=checks.many(checks.origin, 0, 8),
        default=[],
        about="origins, such as https://portal.example, whose pages may show headquarters in a"
        " frame",
    ),
    Setting(name="tenants{}", check=_NAME, about="a brand or group: its table has this name"),
    Setting(
        name="tenants{}.identifier_key",
        check=checks.key,
        secret=True,
        about="the secret key under which identifiers that come over HTTP are recorded; the same"
        " as in the stores of that tenant",
    ),
    Setting(
        name="tenants{}.code_key",
        check=checks.file_or_empty,
        default="",
        about="the file of the private key that its members' tokens are signed with, from the"
        " place of this file (storebridge code key); empty: no tokens for its app",
    ),
    Setting(name="connectors{}", check=_NAME, about="a system that is told of shoppers"),
    Setting(name="connectors{}.tenant", check=_NAME, about="whose shoppers it is told of"),
    Setting(
        name="connectors{}.kind",
        check=checks.one_of(*KINDS),
        about="how it is told: by a signed webhook, files in a folder, or an MQTT topic",
    ),
    Setting(
        name="connectors{}.address",
        check=checks.text,
        about="the https address, the folder as an absolute path, or the name of the topic"
        " sb/TENANT/flow/NAME",
    ),
    Setting(
        name="connectors{}.audiences",
        check=checks.many(_NAME, 0, 50),
        default=[],
        about="only who is in one of these audiences; empty: everybody who allows it",
    ),
    Setting(
        name="connectors{}.secret_file",
        check=checks.file_or_empty,
        default="",
        about="the file of the secret that a webhook is signed with, from the place of this file",
    ),
    Setting(
        name="webhooks{}",
        check=_NAME,
        about="an address that another system delivers to: /v1/webhooks/CHANNEL/NAME",
    ),
    Setting(name="webhooks{}.tenant", check=_NAME, about="whose events are delivered there"),
    Setting(
        name="webhooks{}.channel",
        check=checks.one_of(*CHANNELS),
        about="which system delivers",
    ),
    Setting(
        name="webhooks{}.source",
        check=_NAME,
        about="the name of the channel in events and orders; one web shop has one, whoever tells",
    ),
    Setting(
        name="webhooks{}.secret_file",
        check=checks.file,
        about="the file of the secret that deliveries are signed with, from the place of this file;"
        " a second line while another takes over",
    ),
    Setting(
        name="sites{}",
        check=_NAME,
        about="a web shop whose pages tell what visitors do, by /v1/storebridge.js",
    ),
    Setting(name="sites{}.tenant", check=_NAME, about="whose web shop it is"),
    Setting(name="sites{}.source", check=_NAME, about="the name of the channel in its events"),
    Setting(
        name="sites{}.origins",
        check=checks.many(checks.origin, 1, 20),
        about="where its pages come from, such as https://shop.example",
    ),
)
