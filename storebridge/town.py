"""What there is in the demo: stores, kiosks, zones, cameras, members, and their configuration."""

import json
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from werkzeug.security import generate_password_hash

from edge_agent.codes.codes import HARMLESS
from storebridge.broker import BrokerUser, new_password
from storebridge.ports import free_port

TENANT = "maru"
OPERATOR = "maru-retail"
STAFF_PIN = "2468"
CONSOLE_NAME = "demo"
LIGHT_STORES = 50
MEMBERS = 40
# The stage offers the cards of the first members to visitors; simulated shoppers are the others.
VISITORS = 8
FRAME_WIDTH, FRAME_HEIGHT = 640, 480
# The drawn cameras, and the real one that may stand beside the first.
KIOSK_CAMERA, TILL_CAMERA, REAL_CAMERA = "camera-kiosk", "camera-till", "camera-real"
STORE_NAMES = (
    {"zh": "上海·安福路店", "en": "Shanghai, Anfu Road"},
    {"zh": "杭州·湖滨店", "en": "Hangzhou, Lakeside"},
    {"zh": "成都·太古里店", "en": "Chengdu, Taikoo Li"},
    {"zh": "广州·东山口店", "en": "Guangzhou, Dongshankou"},
)
ZONES = (
    ("window", {"zh": "橱窗", "en": "Window"}),
    ("shelf-a", {"zh": "A 区货架", "en": "Shelf A"}),
    ("shelf-b", {"zh": "B 区货架", "en": "Shelf B"}),
    ("till", {"zh": "收银台", "en": "Till"}),
)
# Where people stand and walk in the frame of the ceiling camera, in pixels.
FLOOR_ZONES: dict[str, list[list[int]]] = {
    "shelf-a": [[20, 200], [300, 200], [300, 470], [20, 470]],
    "shelf-b": [[340, 200], [620, 200], [620, 470], [340, 470]],
}
# People come in at the left edge of the picture and leave at the right: the lines lie a body's
# width inside it, where somebody has come into sight as a whole.
DOOR_LINES = {"door-in": [[60, 480], [60, 160]], "door-out": [[580, 160], [580, 480]]}


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePlan:
    """One store of the demo and where its parts are reached."""

    number: int
    name: str
    title: dict[str, str]
    port: int
    password: str

    @property
    def kiosk(self) -> str:
        """Return the name of its kiosk."""
        return "kiosk-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """Everything the demo is made of; passwords and keys are made anew each time.

    `camera` is a real camera that reads for the kiosk of the first store, too; empty for none.
    """

    folder: Path
    stores: tuple[StorePlan, ...]
    light_stores: tuple[str, ...]
    members: tuple[str, ...]
    identifier_key: bytes
    broker_password: str
    console_password: str
    cloud_port: int
    stage_port: int
    camera: str = ""
    host: str = "127.0.0.1"

    @property
    def broker_users(self) -> list[BrokerUser]:
        """Return who may log in at the broker: the cloud and each store."""
        light = [(name, self.broker_password) for name in self.light_stores]
        whole = [(store.name, store.password) for store in self.stores]
        return [
            BrokerUser(name="cloud", password=self.broker_password, role="cloud"),
            *(
                BrokerUser(
                    name=f"{TENANT}-{name}",
                    password=password,
                    role="store",
                    tenant=TENANT,
                    store=name,
                )
                for name, password in [*whole, *light]
            ),
        ]

    @property
    def signing_key_file(self) -> Path:
        """Return where the private key lies that members' codes are signed with."""
        return self.folder / "codes.pem"

    def camera_of(self, store: StorePlan) -> str:
        """Return the real camera of a store; empty where there are only drawn ones."""
        return self.camera if store.number == 1 else ""

    def metrics_url(self, store: StorePlan) -> str:
        """Return the address of a store's figures."""
        return f"http://{self.host}:{store.port}/metrics"

    def kiosk_url(self, store: StorePlan) -> str:
        """Return the address of a store's kiosk."""
        return f"http://{self.host}:{store.port}/kiosk/{store.kiosk}"

    def staff_url(self, store: StorePlan) -> str:
        """Return the address of a store's staff page."""
        return f"http://{self.host}:{store.port}/staff"

    @property
    def console_url(self) -> str:
        """Return the address of headquarters."""
        return f"http://{self.host}:{self.cloud_port}/hq/"

    @property
    def stage_url(self) -> str:
        """Return the address of the stage, which also serves the cameras and the web shop."""
        return f"http://{self.host}:{self.stage_port}/"


def plan_town(folder: Path, *, stores: int, seed: int, camera: str = "") -> Town:
    """Plan a town in a folder, with free ports and new keys."""
    rng = random.Random(seed)  # noqa: S311 (the same members for the same seed)
    return Town(
        folder=folder,
        stores=tuple(
            StorePlan(
                number=number,
                name=f"s{number:04}",
                title=STORE_NAMES[(number - 1) % len(STORE_NAMES)],
                port=free_port(),
                password=new_password(),
            )
            for number in range(1, stores + 1)
        ),
        light_stores=tuple(f"l{number:04}" for number in range(1, LIGHT_STORES + 1)),
        members=tuple(f"M{rng.randrange(10**8):08}" for _ in range(MEMBERS)),
        identifier_key=secrets.token_bytes(32),
        broker_password=new_password(),
        console_password=secrets.token_hex(6),
        cloud_port=free_port(),
        stage_port=free_port(),
        camera=camera,
    )


def agent_toml(town: Town, store: StorePlan, *, line_port: int, public_key: str) -> str:
    """Return the configuration of a store's agent, which believes codes signed for `public_key`.

    Before a real camera nobody can hold what this run of the demo has signed, so that its store
    takes cards without a signature, too.
    """
    base, camera = f"{town.stage_url}camera/{store.name}", town.camera_of(store)
    tables = [
        f"tenant = {_quoted(TENANT)}",
        f"store = {_quoted(store.name)}",
        f"operator = {_quoted(OPERATOR)}",
        f"identifier_key = {_quoted(town.identifier_key.hex())}",
        f"folder = {_quoted(store.name)}",
        f"names = {_inline(store.title)}",
        "[broker]",
        f"port = {line_port}",
        f"username = {_quoted(f'{TENANT}-{store.name}')}",
        f"password = {_quoted(store.password)}",
        "keepalive_s = 5",
        "[web]",
        f"port = {store.port}",
        f"staff_pin_hash = {_quoted(generate_password_hash(STAFF_PIN))}",
        f"frame_ancestors = [{_quoted(town.stage_url.rstrip('/'))}]",
        "[codes]",
        "held_s = 2.5",  # a drawn card is not read in every frame, by a busy machine in few
        f"public_keys = [{_quoted(public_key)}]",
        f"unsigned = {_inline([*HARMLESS, 'member'] if camera else HARMLESS)}",
        "[visits]",
        "idle_s_max = 30",
    ]
    for zone, names in ZONES:
        tables += ["[[zones]]", f"name = {_quoted(zone)}", f"names = {_inline(names)}"]
    tables += ["[[kiosks]]", f"name = {_quoted(store.kiosk)}", 'zone = "shelf-a"']
    tables += ["[[kiosks]]", 'name = "till-1"', 'zone = "till"', 'role = "till"']
    codes: dict[str, tuple[str, str, object]] = {
        KIOSK_CAMERA: ("shelf-a", store.kiosk, f"{base}/kiosk.mjpg"),
        TILL_CAMERA: ("till", "till-1", f"{base}/till.mjpg"),
    }
    if camera:
        codes[REAL_CAMERA] = ("shelf-a", store.kiosk, camera)
    for name, (zone, kiosk, source) in codes.items():
        tables += _device(name, "barcode-camera", zone, kiosk, {"source": source})
    tables += _device(
        "camera-floor",
        "people-camera",
        "window",
        "",
        {"source": f"{base}/floor.mjpg", "zones": FLOOR_ZONES, "lines": DOOR_LINES},
    )
    return "\n".join(tables) + "\n"


def cloud_toml(town: Town, *, dsn: str, broker_port: int) -> str:
    """Return the configuration of the cloud service."""
    return "\n".join(
        [
            "[database]",
            f"dsn = {_quoted(dsn)}",
            "[broker]",
            f"port = {broker_port}",
            'username = "cloud"',
            f"password = {_quoted(town.broker_password)}",
            "[web]",
            f"port = {town.cloud_port}",
            "secure = false",
            f"frame_ancestors = [{_quoted(town.stage_url.rstrip('/'))}]",
            f"[tenants.{TENANT}]",
            f"identifier_key = {_quoted(town.identifier_key.hex())}",
            f"code_key = {_quoted(str(town.signing_key_file))}",
            "",
        ]
    )


def _device(
    name: str, driver: str, zone: str, kiosk: str, options: Mapping[str, object]
) -> Sequence[str]:
    return [
        "[[devices]]",
        f"name = {_quoted(name)}",
        f"driver = {_quoted(driver)}",
        f"zone = {_quoted(zone)}",
        f"kiosk = {_quoted(kiosk)}",
        f"options = {_inline(options)}",
    ]


def _inline(value: object) -> str:
    """Write a value as TOML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
