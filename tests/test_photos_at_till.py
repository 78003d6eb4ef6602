"""From a photo before the till's camera to the basket: what is certain is sold, nothing else is."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copy

import cv2
import numpy as np
import pytest
import zxingcpp

from edge_agent.codes.seal import SealKey
from edge_agent.codes.translate import Keys
from edge_agent.devices.devices import CodeRules, Device, Equipment
from edge_agent.devices.scans import Spot
from edge_agent.visits import answers, basket
from hardware.codes.barcode_camera import BarcodeCamera, BarcodeCameraOptions
from hardware.codes.child_decoder import ChildDecoder
from kiosk_ui.app import create_app
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_builders import wait_until
from tests.edge_store import KEY, READER, TILL
from wire.events import Scan

RULES = CodeRules(keys=Keys(identifier_key=KEY, seal=SealKey(name="k", key=bytes(32))))
CODES = "codes/zxing-cpp"
# One photo with an add-on, and one so blurred that its reader doubts what it reads in it.
WITH_ADD_ON, BOOK = f"{CODES}/ean13-extension-1/1.png", "9780735200449"
BLURRED, DOUBTED = f"{CODES}/ean13-1/10.webp", "8480010001136"


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        yield screens


def hold(screens: Screens, photos: Path, *symbologies: str) -> None:
    """Hold a photo to the till's camera, with the reader that lanes have, until it is answered."""
    options = BarcodeCameraOptions(
        source=str(photos), image_every_ms=0, symbologies=symbologies or ("EAN-13", "UPC-A")
    )
    # Each photo is shown once: on a busy machine, too, its reader has time for it.
    patient = ChildDecoder(options.decoder, options.symbologies, frame_s_max=60)
    equipment = Equipment(
        driver_name="barcode-camera",
        driver=BarcodeCamera(options, patient),
        spot=Spot(
            place=replace(READER, device="reader-2"), store="store-1", kiosk=TILL, role="till"
        ),
        recorder=screens.shop.recorder,
        clock=screens.shop.clock,
        rules=RULES,
    )
    stop = threading.Event()
    device = threading.Thread(target=Device(equipment).run, args=(stop,))
    device.start()
    try:
        connection = screens.shop.connection
        wait_until(lambda: answers.last(connection, TILL.device) is not None, "an answer")
    finally:
        stop.set()
        device.join()


def bought(screens: Screens) -> list[str]:
    return [each.product for each in basket.lines(screens.shop.connection, TILL.device)]


def photos_of(tmp_path: Path, *files: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, file in enumerate(files):
        copy(file, folder / f"{number}{file.suffix}")
    return folder


def test_goods_held_to_the_till_are_in_the_basket(
    screens: Screens, sample_data: Path, tmp_path: Path
) -> None:
    screens.shop.sells(BOOK)
    hold(screens, photos_of(tmp_path, sample_data / WITH_ADD_ON))
    assert bought(screens) == [BOOK]


def test_an_add_on_beside_the_number_sells_the_goods_alone(
    screens: Screens, sample_data: Path, tmp_path: Path
) -> None:
    screens.shop.sells(BOOK)
    hold(screens, photos_of(tmp_path, sample_data / WITH_ADD_ON), "EAN-13", "EAN-5")
    assert bought(screens) == [BOOK]


def test_gs1_element_strings_sell_what_they_say(screens: Screens, tmp_path: Path) -> None:
    screens.shop.sells("9501101530003")
    code = zxingcpp.create_barcode(
        "(10)AB-123(01)09501101530003", zxingcpp.BarcodeFormat.DataMatrix, gs1=True
    )
    drawn = np.asarray(code.to_image(scale=6, add_quiet_zones=True), np.uint8)
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos/1.png"), drawn)
    hold(screens, tmp_path / "photos", "DataMatrix")
    assert bought(screens) == ["9501101530003"]


def test_a_doubtful_number_is_not_sold_though_the_store_sells_it_but_asked_for_again(
    screens: Screens, sample_data: Path, tmp_path: Path
) -> None:
    screens.shop.sells(DOUBTED)
    hold(screens, photos_of(tmp_path, sample_data / BLURRED))
    assert bought(screens) == []
    scans = [event.body for event in screens.shop.events("scan")]
    assert [each.fault for each in scans if isinstance(each, Scan)] == ["uncertain"]
    page = create_app(screens.store).test_client().get(f"/till/{TILL.device}").text
    assert "Please show it again" in page
    assert "请再出示一次" in page
