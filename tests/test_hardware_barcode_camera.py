"""Codes held before a camera are read, and bad pictures never stop the lane."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from hardware.cameras.frames import FrameSlot
from hardware.codes.barcode_camera import BarcodeCamera, BarcodeCameraOptions, without_add_on
from hardware.codes.child_decoder import ChildDecoder
from hardware.codes.decoder import Decoded
from hardware.driver import Driver
from hardware.drivers import DRIVERS
from hardware.readings import CodeReading, HealthReading, Reading, UnreadableReading
from storebridge.simulated.cards import draw_card, draw_product, gtin_of

SIZE = (640, 480)


def read_all(driver: Driver, looks: int) -> list[Reading]:
    driver.open()
    readings: list[Reading] = []
    for _ in range(looks):
        readings += driver.read(2.0)
    driver.close()
    return readings


def test_a_card_drawn_into_the_slot_is_read_with_its_place_and_time() -> None:
    slot = FrameSlot()
    driver = DRIVERS["barcode-camera"]({"source": slot})
    driver.open()
    for jitter in range(10):
        slot.put(draw_card(SIZE, "sb:m:ANNA-1", 1, jitter), at_mono_ms=1000 + jitter)
        codes = [one for one in driver.read(2.0) if isinstance(one, CodeReading)]
        if codes:
            break
    assert (codes[0].data, codes[0].symbology) == (b"sb:m:ANNA-1", "QR")
    assert codes[0].at_mono_ms == 1000 + jitter
    assert codes[0].quad is not None
    assert all(0 <= x < 640 and 0 <= y < 480 for x, y in codes[0].quad)


def test_goods_that_one_reader_of_edges_sees_are_read_after_two_sightings() -> None:
    slot = FrameSlot()
    driver = BarcodeCamera(BarcodeCameraOptions(source=slot, decoder="zbar"))
    driver.open()
    seen: list[int] = []
    for jitter in range(10):
        slot.put(draw_product(SIZE, gtin_of(4711), 1, jitter))
        codes = [one.data for one in driver.read(2.0) if isinstance(one, CodeReading)]
        assert set(codes) <= {gtin_of(4711).encode()}
        seen += [jitter] * len(codes)
    assert seen
    assert seen[0] >= 1


def test_goods_whose_add_on_is_seen_in_some_frames_only_are_one_code() -> None:
    quad = ((0, 0), (100, 0), (100, 50), (0, 50))
    plain = Decoded(data=b"9784872348880", symbology="EAN-13", quad=quad, aim_id="]E0")
    longer = replace(plain, data=b"978487234888012345", aim_id="]E3")
    short = replace(plain, data=b"9638507412", symbology="EAN-8", aim_id="]E3")
    seen = [without_add_on(each).data for each in (plain, longer, short)]
    assert seen == [b"9784872348880", b"9784872348880", b"96385074"]


def test_a_folder_of_real_photos_is_read_and_what_is_no_image_is_skipped(
    sample_data: Path, tmp_path: Path
) -> None:
    photos = sorted((sample_data / "codes/zxing-cpp/qrcode-1").iterdir())[:4]
    for photo in photos:
        (tmp_path / photo.name).write_bytes(photo.read_bytes())
    (tmp_path / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\xff" * 200)
    options = BarcodeCameraOptions(source=str(tmp_path), real_time=False)
    # What is looked at is what is read, not how soon: a busy machine may take its time.
    patient = ChildDecoder(options.decoder, options.symbologies, frame_s_max=60)
    readings = read_all(BarcodeCamera(options, patient), 6)
    reasons = [one.reason for one in readings if isinstance(one, HealthReading)]
    assert reasons == ["unreadable-image", "", "ended"]
    assert sum(isinstance(one, CodeReading) for one in readings) >= 3
    assert sum(isinstance(one, UnreadableReading) for one in readings) == 1


def test_odd_pictures_in_the_slot_are_no_error() -> None:
    slot = FrameSlot()
    driver = BarcodeCamera(BarcodeCameraOptions(source=slot))
    driver.open()
    for shape in ((1, 1, 3), (3, 500, 3), (500, 2), (64, 64)):
        slot.put(np.zeros(shape, np.uint8))
        assert not [one for one in driver.read(2.0) if isinstance(one, CodeReading)]
