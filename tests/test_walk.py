"""The whole road in one test: read this first. `docs/architecture.md` tells the same in words.

Nothing here is a double: camera reader, SQLite, broker, PostgreSQL and HTTP are the real ones.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copy

import pytest
import requests

from edge_agent import local_view
from edge_agent.agent import Agent
from edge_agent.codes.payment_codes import way_to_pay
from edge_agent.codes.seal import load_or_create, unseal
from edge_agent.config import from_table
from edge_agent.visits import visits
from hardware.cameras.camera import CaptureSource
from hardware.cameras.frames import FrameSlot, SourceEndedError
from hardware.cameras.images import read_image, to_grey
from hardware.codes.cascade import LaneCascade
from hardware.codes.decoder import SYMBOLOGIES_DEFAULT
from hardware.codes.gtin import is_gtin
from hardware.people.background import BackgroundDetector
from hardware.people.people import PeopleCounter
from hardware.people.zones import ZoneMap
from hardware.readings import Stay
from storebridge.assembly import build_agent
from storebridge.demo.kiosk_client import KioskClient
from storebridge.simulated.cards import draw_card
from tests.cloud_parts import WAIT_S, CloudParts, a_cloud, wait_until
from tests.conftest import BrokerForTests
from tests.shopper_builders import KEY, TENANT
from wire.events import CouponRedeemed, Dwell, Scan
from wire.identifiers import key_identifier
from wire.views import ShopperView

STORE = "s0001"
FRAME = (640, 480)
PHOTOS_OF_A_KIND, PHOTOS_MIN = 6, 12
CERTAIN = (["seen"], ["proven"])
TEA = "6901234000016"
ANNA = key_identifier("member", "ANNA-1", key=KEY)


def test_a_code_held_to_the_camera_becomes_a_coupon_that_is_used_once(
    cloud: CloudParts, store: "StoreParts"
) -> None:
    # At home Anna looks at a tea in the web shop.
    cloud.browsed("ANNA-1", TEA)

    # In the store she holds her card to the camera; the kiosk greets her.
    store.hold_card("sb:m:ANNA-1")
    greeted = store.kiosk.wait_for_visit(0, timeout_s=WAIT_S)
    assert greeted is not None

    # The scan is recorded, sent, accepted and folded; what was decided comes down to the store:
    # a coupon, because of what she looked at online.
    wait_until(lambda: store.known_of_anna() is not None, "a coupon in the local view")
    view = store.known_of_anna()
    assert view is not None
    (coupon,) = view.coupons
    assert (coupon.because.reason, coupon.because.product) == ("viewed_online", TEA)

    # The page that is open shows it by itself, and says why.
    shown = store.kiosk.wait_for_coupon(greeted.page.visit, timeout_s=WAIT_S)
    assert shown is not None
    assert shown.page.coupons == [coupon.coupon]
    # To a store that is quite new the catalogue may come after the greeting.
    wait_until(lambda: "Longjing Green Tea" in store.page(), "the name of the goods")

    # She uses it. A second tap, as of another tab, is refused.
    assert store.kiosk.send("redeem", coupon=coupon.coupon)
    assert not store.kiosk.send("redeem", coupon=coupon.coupon)

    # The redemption reaches the ledger, once, and the coupon is gone from store and screen.
    wait_until(lambda: store.known_of_anna() is None, "the coupon to be taken back")
    (redeemed,) = cloud.events(STORE, "coupon_redeemed")
    assert isinstance(redeemed.event.body, CouponRedeemed)
    assert (redeemed.event.body.coupon, redeemed.event.identifiers) == (coupon.coupon, (ANNA,))
    assert coupon.coupon not in store.page()

    # Nothing was recorded that the ledger does not hold, and no plain code anywhere.
    store.wait_until_received()
    kinds = [each.event.kind for each in cloud.events(STORE)]
    assert kinds.count("scan") == kinds.count("arrival") == 1
    assert store.recorded() == [each.seq for each in cloud.events(STORE)]
    assert not any(b"ANNA-1" in file.read_bytes() for file in store.files())


def test_real_photos_and_a_real_clip_arrive_as_what_was_read_and_counted(
    cloud: CloudParts, broker: BrokerForTests, sample_data: Path, tmp_path: Path
) -> None:
    codes = photos_of_one_code_each(sample_data, tmp_path / "photos")
    clip, zones = clip_and_zone(sample_data)
    stays_ms = count(clip, zones)
    assert len(codes) >= PHOTOS_MIN
    assert len(stays_ms) == 6

    counter = a_device("people-camera", source=clip, zones=zones, real_time=False)
    photos = str(tmp_path / "photos")
    # Each photo is shown once, to the reader that lanes have if nothing else is said.
    reader = a_device("barcode-camera", source=photos, image_every_ms=100)
    with a_store(broker, tmp_path, reader, counter) as store:
        wait_until(lambda: store.counted_stays() == 6, "the end of the clip", timeout_s=120)
        wait_until(lambda: len(cloud.events(STORE, "scan")) >= len(codes), "all the photos")
        store.wait_until_received()
        scans = [store.code_of(each.event.body) for each in cloud.events(STORE, "scan")]
        assert scans == [store.as_read(code) for code in codes]
        assert store.recorded() == [each.seq for each in cloud.events(STORE)]
    stays = [each.event.body for each in cloud.events(STORE, "dwell")]
    assert [stay.dwell_ms for stay in stays if isinstance(stay, Dwell)] == stays_ms


# What the walk leaves out: how a store is built, and how its screens and files are looked at.


@dataclass(frozen=True)
class StoreParts:
    """A store with its kiosk open, and the camera before which cards are held."""

    agent: Agent
    camera: FrameSlot
    kiosk: KioskClient

    def hold_card(self, text: str) -> None:
        """Hold a card to the camera, never quite still, until a visit has begun."""
        reader = self.agent.database.reader()
        for jitter in range(100):
            self.camera.put(draw_card(FRAME, text, 1, jitter), wait_s=WAIT_S)
            if visits.current(reader, "kiosk-1"):
                return
        raise AssertionError("the reader did not read a card drawn a hundred times")

    def known_of_anna(self) -> ShopperView | None:
        """What the local view says of Anna, while it has a coupon for her."""
        view = local_view.shopper(self.agent.database.reader(), (ANNA,))
        return view if view is not None and view.coupons else None

    def page(self) -> str:
        """The kiosk's page as another browser would get it now."""
        return requests.get(self.kiosk.url, timeout=WAIT_S).text

    def recorded(self) -> list[int]:
        """The seqs in the outbox."""
        rows = self.agent.database.reader().execute("SELECT id FROM outbox ORDER BY id")
        return [seq for (seq,) in rows]

    def files(self) -> list[Path]:
        """The files of the store's database."""
        path = self.agent.database.path
        return list(path.parent.glob(f"{path.name}*"))

    def wait_until_received(self) -> None:
        """Wait until the store knows by receipt that the cloud holds everything."""
        wait_until(lambda: self.agent.health().queue_rows == 0, "the receipt of everything")

    def counted_stays(self) -> int:
        """How many stays the store's own figures count."""
        row = self.agent.database.reader().execute("SELECT sum(stays) FROM zone_hours").fetchone()
        return row[0] or 0

    def code_of(self, scan: object) -> tuple[str, str, bytes]:
        """What a scan says: kind, product, and the bytes that were sealed."""
        assert isinstance(scan, Scan)
        key = load_or_create(self.agent.config.sealed_key_file)
        raw = unseal(key, scan.sealed) if scan.sealed else b""
        return scan.code_kind, scan.product, raw

    def as_read(self, raw: bytes) -> tuple[str, str, bytes]:
        """What a scan of these bytes must say."""
        if way_to_pay(raw.decode("latin-1")):
            return "payment", "", b""
        if is_gtin(raw.decode("latin-1")):
            # The store sells none of these: the number is asked for again, and kept sealed.
            return "product", "", raw
        return "unknown", "", raw


@pytest.fixture
def cloud(cloud_dsn: str, broker: BrokerForTests) -> Iterator[CloudParts]:
    with a_cloud(cloud_dsn, broker) as parts:
        yield parts


@pytest.fixture
def store(broker: BrokerForTests, tmp_path: Path) -> Iterator[StoreParts]:
    camera = FrameSlot()
    reader = a_device("barcode-camera", source=camera)
    with a_store(broker, tmp_path, reader, camera=camera) as parts:
        yield parts


@contextmanager
def a_store(
    broker: BrokerForTests,
    folder: Path,
    *devices: Mapping[str, object],
    camera: FrameSlot | None = None,
) -> Iterator[StoreParts]:
    """A store whose screens are English first, with its kiosk open."""
    table: dict[str, object] = {
        "tenant": TENANT,
        "store": STORE,
        "languages": ["en", "zh"],
        "identifier_key": KEY.hex(),
        "folder": str(folder),
        "broker": {
            "host": broker.host,
            "port": broker.port,
            "username": f"{TENANT}-{STORE}",
            "password": broker.PASSWORD,
        },
        "web": {"port": 0},
        "zones": [{"name": "shelf-a"}],
        "kiosks": [{"name": "kiosk-1", "zone": "shelf-a"}],
        "devices": list(devices),
    }
    agent = build_agent(from_table(table, {}))
    agent.start()
    assert agent.web is not None
    kiosk = KioskClient(f"http://{agent.web.host}:{agent.web.port}/kiosk/kiosk-1")
    kiosk.start()
    try:
        yield StoreParts(agent, camera or FrameSlot(), kiosk)
    finally:
        kiosk.close()
        agent.close()


def a_device(driver: str, **options: object) -> Mapping[str, object]:
    place = {"zone": "shelf-a", "kiosk": "kiosk-1"}
    return {"name": f"{driver}-1", "driver": driver, "options": options, **place}


def photos_of_one_code_each(sample_data: Path, folder: Path) -> list[bytes]:
    """Put real photos into a folder, each with one code that no other has.

    The reader is certain of it at its first look, so that it matters to none what it saw before.
    """
    folder.mkdir()
    codes: list[bytes] = []
    for kind in ("qrcode-1", "qrcode-2", "ean13-1", "ean13-2", "code128-1"):
        for photo in sorted((sample_data / "codes/zxing-cpp" / kind).iterdir())[:PHOTOS_OF_A_KIND]:
            reader = LaneCascade(SYMBOLOGIES_DEFAULT)
            found = reader.decode(to_grey(read_image(photo)))
            is_read = not reader.tried and [each.trust for each in found] in CERTAIN
            if is_read and found[0].data not in codes:
                codes.append(found[0].data)
                copy(photo, folder / f"{len(codes):03}{photo.suffix}")
    return codes


def clip_and_zone(sample_data: Path) -> tuple[str, dict[str, list[list[float]]]]:
    """Return the real clip, and the corners of its one zone as a configuration has them."""
    truth = json.loads((sample_data / "video/dwell_truth.json").read_text())
    return str(sample_data / "video" / truth["video"]), {"table": truth["zone"]}


def count(clip: str, zones: Mapping[str, list[list[float]]]) -> list[int]:
    """Return how long each stay in the clip lasted, in ms, counted without a store."""
    polygons = {name: tuple((x, y) for x, y in corners) for name, corners in zones.items()}
    counter = PeopleCounter(ZoneMap(zones=polygons), BackgroundDetector())
    source = CaptureSource(clip, real_time=False)
    source.open()
    stays: list[Stay] = []
    try:
        while (frame := source.take(WAIT_S)) is not None:
            stays += counter.see(frame).stays
    except SourceEndedError:
        stays += counter.finish().stays
    finally:
        source.close()
    return [stay.dwell_ms for stay in stays]
