"""zxing-cpp as a decoder: bytes as printed, what they are, and only what the lane expects."""

from pathlib import Path

import numpy as np
import pytest
import segno
import zxingcpp

from hardware.cameras.frames import Pixels
from hardware.cameras.images import read_image, to_grey
from hardware.codes.zxing import ZxingDecoder


def drawn(barcode: zxingcpp.Barcode) -> Pixels:
    return np.array(zxingcpp.write_barcode_to_image(barcode, scale=3))


def qr(payload: bytes | str, **how: object) -> Pixels:
    code = segno.make(payload, micro=False, **how)
    modules = np.where(np.array([list(row) for row in code.matrix], bool), 0, 255)
    return np.kron(np.pad(modules, 4, constant_values=255), np.ones((5, 5))).astype(np.uint8)


@pytest.mark.parametrize(
    "payload", ["漢字".encode("shift-jis"), "会员".encode("gb18030"), bytes(range(128, 256))]
)
def test_a_qr_code_gives_its_bytes_exactly_as_printed(payload: bytes) -> None:
    (found,) = ZxingDecoder(["QR"]).decode(qr(payload, mode="byte"))
    assert (found.data, found.symbology) == (payload, "QR")


def test_kanji_and_named_encodings_keep_bytes_and_text() -> None:
    (kanji,) = ZxingDecoder(["QR"]).decode(qr("漢字テスト漢字", mode="kanji"))
    (latin,) = ZxingDecoder(["QR"]).decode(qr("naïve", encoding="latin-1", eci=True))
    assert kanji.data == "漢字テスト漢字".encode("shift-jis")
    assert kanji.text == "漢字テスト漢字"
    assert (latin.data, latin.text) == (b"na\xefve", "naïve")


def test_each_part_of_a_code_is_read_in_the_encoding_that_it_names(sample_data: Path) -> None:
    picture = to_grey(read_image(sample_data / "codes/zxing-cpp/datamatrix-1/eci.png"))
    (found,) = ZxingDecoder(["DataMatrix"]).decode(picture)
    (wide,) = ZxingDecoder(["QR"]).decode(qr("abc", encoding="utf-16be", eci=True))
    assert (found.data, found.text) == (b"\xb6\xb6", "¶Ж")
    assert (wide.data, wide.text) == (b"\0a\0b\0c", "abc")


@pytest.mark.parametrize(
    ("form", "name", "aim_id"),
    [
        (zxingcpp.BarcodeFormat.Code128, "Code128", "]C1"),
        (zxingcpp.BarcodeFormat.DataMatrix, "DataMatrix", "]d2"),
    ],
)
def test_gs1_element_strings_keep_their_separators_and_say_what_they_are(
    form: zxingcpp.BarcodeFormat, name: str, aim_id: str
) -> None:
    made = zxingcpp.create_barcode("(01)09506000134352(10)ABC123(21)99", form, gs1=True)
    (found,) = ZxingDecoder([name]).decode(drawn(made))
    assert found.data == b"010950600013435210ABC123\x1d2199"
    assert (found.symbology, found.aim_id) == (name, aim_id)


@pytest.mark.parametrize(
    ("form", "content", "name", "said"),
    [
        ("EAN13", "4006381333931", "EAN-13", b"4006381333931"),
        ("EAN13", "0036000291452", "UPC-A", b"0036000291452"),
        ("EAN8", "96385074", "EAN-8", b"96385074"),
        ("UPCE", "01234565", "UPC-E", b"0012345000065"),
        ("Code128", "AbC-1", "Code128", b"AbC-1"),
        ("Code39", "ABC-1", "Code39", b"ABC-1"),
        ("ITF", "30712345000010", "ITF", b"30712345000010"),
        ("DataMatrix", "sb:m:ANNA", "DataMatrix", b"sb:m:ANNA"),
        ("MicroQRCode", "12345", "MicroQR", b"12345"),
    ],
)
def test_every_symbology_is_read_where_it_is_expected_and_only_there(
    form: str, content: str, name: str, said: bytes
) -> None:
    made = zxingcpp.create_barcode(content, getattr(zxingcpp.BarcodeFormat, form))
    (found,) = ZxingDecoder([name]).decode(drawn(made))
    assert (found.data, found.symbology) == (said, name)
    others = {"QR", "EAN-13", "EAN-8", "UPC-A", "Code128", "ITF"} - {name}
    assert ZxingDecoder(sorted(others)).decode(drawn(made)) == ()


def test_pictures_of_any_shape_are_no_error() -> None:
    for shape in ((0, 5), (1, 1), (1, 500), (500, 1)):
        assert ZxingDecoder(["QR"]).decode(np.zeros(shape, np.uint8)) == ()
    assert ZxingDecoder([]).decode(np.zeros((9, 9), np.uint8)) == ()


def test_a_qr_code_that_fills_its_picture_is_read_and_one_of_the_first_model(
    sample_data: Path,
) -> None:
    for name in ("n940.png", "qr-model-1.png"):
        picture = to_grey(read_image(sample_data / "codes/zxing-cpp/qrcode-2" / name))
        for grey in (picture, 255 - picture):
            assert [code.symbology for code in ZxingDecoder(["QR"]).decode(grey)] == ["QR"], name
