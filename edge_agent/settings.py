"""The table of everything that can be set in a store, with what each setting accepts."""

import re

from edge_agent import opening
from edge_agent.codes import in_store
from edge_agent.codes.codes import HARMLESS
from edge_agent.delivery.limits import Limits
from edge_agent.visits import badges
from hardware.drivers import DRIVERS
from settings import checks
from settings.setting import Setting
from wire.signed import CODE_KEYS_MAX, SIGNED_KINDS
from wire.topics import NAME

_LIMITS = Limits()
_POLICY = checks.one_of("evict-oldest", "refuse-new")
# As werkzeug writes it: a plain PIN would open nothing, and be read by whoever reads the file.
_PIN_HASH = checks.matching(
    re.compile(r"(scrypt|pbkdf2)(:[0-9a-z]+)*\$[^$\s]+\$[0-9a-f]+"),
    "a hash that `storebridge agent pin` prints; a plain PIN is none",
)
_NAME = checks.matching(NAME, "1 to 40 of a-z 0-9 _ -, beginning with a letter or digit")

SETTINGS: tuple[Setting, ...] = (
    Setting(name="tenant", check=_NAME, about="the brand or group this store belongs to"),
    Setting(name="store", check=_NAME, about="the store"),
    Setting(name="operator", check=checks.or_empty(_NAME), default="", about="who runs the store"),
    Setting(name="names", check=checks.texts, default={}, about="the store's name by language"),
    Setting(
        name="languages",
        check=checks.many(checks.one_of("zh", "en"), 1, 8),
        default=["zh", "en"],
        about="the screens' languages, the first one shown first",
    ),
    Setting(
        name="timezone",
        check=checks.timezone,
        default="Asia/Shanghai",
        about="when the store's day begins",
    ),
    Setting(
        name="folder",
        check=checks.file,
        default="store",
        about="where the store's database lies, from the place of this file",
    ),
    Setting(
        name="identifier_key",
        check=checks.key,
        environ="STOREBRIDGE_IDENTIFIER_KEY",
        about="the tenant's secret key, under which identifiers are recorded",
    ),
    Setting(
        name="sealed_key_file",
        check=checks.file,
        default="sealed.key",
        about="the key of unrecognised codes, from `folder`; made when missing, destroyed to erase",
    ),
    Setting(
        name="receipt_key_file",
        check=checks.file,
        default="receipt.key",
        about="the store's own key, from `folder`, which signs that it has erased somebody; made"
        " when missing",
    ),
    Setting(name="broker.host", check=checks.text, default="127.0.0.1", about="the MQTT broker"),
    Setting(
        name="broker.port", check=checks.whole(1, 65535), default=1883, about="the broker's port"
    ),
    Setting(name="broker.username", check=checks.text, default="", about="the store's login"),
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
        about="the certificate file the broker is checked with; empty: no TLS",
    ),
    Setting(
        name="broker.keepalive_s",
        check=checks.whole(5, 600),
        default=15,
        about="how long a dead line stays unnoticed",
    ),
    Setting(
        name="web.host", check=checks.text, default="127.0.0.1", about="where screens are served"
    ),
    Setting(
        name="web.port",
        check=checks.whole(0, 65535),
        default=8080,
        about="the port of the screens; 0: any free one",
    ),
    Setting(
        name="web.threads",
        check=checks.whole(32, 256),
        default=32,
        about="how many requests at once; each open screen holds one for its push",
    ),
    Setting(
        name="web.staff_pin_hash",
        check=checks.or_empty(_PIN_HASH),
        default="",
        environ="STOREBRIDGE_STAFF_PIN_HASH",
        about="the hash of the staff's PIN; empty: the staff page is closed",
    ),
    Setting(
        name="web.frame_ancestors",
        check=checks.many(checks.origin, 0, 8),
        default=[],
        about="origins, such as https://hq.example, whose pages may show a screen in a frame",
    ),
    Setting(
        name="codes.member_patterns",
        check=checks.many(checks.pattern, 0, 20),
        default=[],
        about="regular expressions of codes that are membership codes (a group `code` names it)",
    ),
    Setting(
        name="codes.public_keys",
        check=checks.many(checks.public_key, 0, CODE_KEYS_MAX),
        default=[],
        about="the public keys that the tenant's codes are signed for; those that headquarters"
        " sends count as well",
    ),
    Setting(
        name="codes.unsigned",
        check=checks.many(checks.one_of(*SIGNED_KINDS), 0, len(SIGNED_KINDS)),
        default=list(HARMLESS),
        about="kinds of codes that also count in their short unsigned form (sb:m:…); without any"
        " public key all do",
    ),
    Setting(
        name="codes.region",
        check=checks.or_empty(checks.one_of(*in_store.REGIONS)),
        default="",
        about="the country by whose rules in-store codes say a weight or price",
    ),
    Setting(
        name="codes.in_store_patterns",
        check=checks.many(in_store.pattern, 0, 20),
        default=[],
        about="the store's own forms of them, such as 21IIIIIPPPPPC: I the item, P the price in"
        " cents, W grams, N pieces",
    ),
    Setting(
        name="codes.debounce_s",
        check=checks.number(0, 60),
        default=2.0,
        about="a code shown again at the same device within this time counts once",
    ),
    Setting(
        name="codes.held_s",
        check=checks.number(0, 10),
        default=0.6,
        about="a code not out of a camera's view for this long is still being held there",
    ),
    Setting(
        name="visits.idle_s_max",
        check=checks.number(5, 3600),
        default=90.0,
        about="a visit without a tap or scan ends after this time",
    ),
    Setting(
        name="visits.walk_away_s",
        check=checks.number(1, 3600),
        default=20.0,
        about="a visit ends when its zone has been empty for this time, where people are counted",
    ),
    Setting(
        name="visits.kept_days",
        check=checks.whole(1, 400),
        default=30,
        about="how long ended visits, orders, and what was claimed, redeemed, marked and asked "
        "stay here",
    ),
    Setting(
        name="visits.personal_days_max",
        check=checks.whole(1, 400),
        default=90,
        about="how long the store keeps what it was told and noted of a shopper at the latest, also"
        " when the cloud cannot be reached",
    ),
    Setting(
        name="traffic.kept_days",
        check=checks.whole(1, 400),
        default=35,
        about="how long hourly traffic stays in the store",
    ),
    Setting(
        name="traffic.open_hours",
        check=checks.many(opening.hours, 0, opening.HOURS_MAX),
        default=[],
        about="when shoppers may be in the store; whoever is seen at other times is staff, and not"
        " counted; empty: always",
    ),
    Setting(
        name="traffic.staff_badges",
        check=checks.many(checks.text, 0, badges.BADGES_MAX),
        default=[],
        about="codes of staff: the stay of who shows one to a reader in a zone is not counted",
    ),
    Setting(
        name="traffic.badge_away_s",
        check=checks.number(0, 3600),
        default=60.0,
        about="who showed a badge and leaves its zone is still staff when back within this time",
    ),
    Setting(
        name="traffic.badge_doors",
        check=checks.many(checks.text, 0, badges.DOORS_MAX),
        default=[],
        about="zones whose readers stand at a door: who shows a badge there is not counted when"
        " they pass a line of a camera of that zone within traffic.badge_away_s",
    ),
    Setting(
        name="outbox.rows_max",
        check=checks.whole(1_000, 1_000_000_000),
        default=_LIMITS.rows_max,
        about="how many events the store keeps",
    ),
    Setting(
        name="outbox.rows_policy",
        check=_POLICY,
        default=_LIMITS.rows_policy,
        about="what then: the oldest go and are counted, or new ones are refused",
    ),
    Setting(
        name="outbox.bytes_max",
        check=checks.whole(1_000_000, 10**13),
        default=_LIMITS.bytes_max,
        about="how many bytes of events the store keeps",
    ),
    Setting(
        name="outbox.bytes_policy",
        check=_POLICY,
        default=_LIMITS.bytes_policy,
        about="what then",
    ),
    Setting(
        name="outbox.age_s_max",
        check=checks.whole(3_600, 10 * 365 * 86_400),
        default=_LIMITS.age_s_max,
        about="how old an event may become unsent",
    ),
    Setting(name="outbox.age_policy", check=_POLICY, default=_LIMITS.age_policy, about="what then"),
    Setting(
        name="outbox.kept_after_receipt_s",
        check=checks.whole(0, 365 * 86_400),
        default=_LIMITS.kept_after_receipt_s,
        about="how long events stay after the cloud has them: at least its backup interval",
    ),
    Setting(
        name="outbox.disk_free_bytes_min",
        check=checks.whole(0, 10**13),
        default=_LIMITS.disk_free_bytes_min,
        about="below this much free disk the health check fails",
    ),
    Setting(name="zones[].name", check=_NAME, about="an area of the store"),
    Setting(name="zones[].names", check=checks.texts, default={}, about="its name by language"),
    Setting(
        name="zones[].operator",
        check=checks.or_empty(_NAME),
        default="",
        about="who runs the zone, where that is not the store's operator",
    ),
    Setting(name="kiosks[].name", check=_NAME, about="a screen, or a till"),
    Setting(name="kiosks[].zone", check=_NAME, about="the zone it stands in"),
    Setting(
        name="kiosks[].role",
        check=checks.one_of("kiosk", "till"),
        default="kiosk",
        about="at a till product codes become a purchase",
    ),
    Setting(name="devices[].name", check=_NAME, about="a reader, camera, lamp or the like"),
    Setting(
        name="devices[].driver", check=checks.one_of(*DRIVERS), about="the driver that runs it"
    ),
    Setting(name="devices[].zone", check=_NAME, about="the zone it stands in"),
    Setting(
        name="devices[].kiosk",
        check=checks.or_empty(_NAME),
        default="",
        about="the kiosk or till whose shopper it reads codes of, or on whose answers it acts",
    ),
    Setting(
        name="devices[].options",
        check=checks.options,
        default={},
        about="the options of the driver",
    ),
)
