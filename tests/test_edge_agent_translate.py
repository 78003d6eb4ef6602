"""What is recorded of a code: keyed, sealed, and nothing plain."""

import msgspec
import pytest

from edge_agent.codes.seal import SealKey, unseal
from edge_agent.codes.translate import Keys, translate
from hardware.readings import CodeReading
from tests.edge_store import ANNA, KEY
from wire.codec import ROW_BYTES_MAX

SEAL = SealKey(name="k1", key=bytes(32))
KEYS = Keys(identifier_key=KEY, seal=SEAL)
NONCE = bytes(12)


def reading(data: bytes, symbology: str = "QR") -> CodeReading:
    return CodeReading(data=data, symbology=symbology, at_mono_ms=0)


def test_a_member_code_is_keyed_and_stands_nowhere_plain():
    translated = translate(reading(b"sb:m:ANNA-1"), KEYS, nonce=NONCE)
    assert translated.identifiers == (ANNA,)
    assert translated.scan.code_kind == "member"
    assert "ANNA" not in repr(translated)


def test_a_member_code_that_nobody_has_names_nobody_and_is_kept_sealed():
    translated = translate(reading(b"sb:m:0000-0000"), KEYS, nonce=NONCE)
    assert (translated.identifiers, translated.scan.code_kind) == ((), "unknown")
    assert unseal(SEAL, translated.scan.sealed) == b"sb:m:0000-0000"


def test_a_product_is_recorded_by_its_number():
    scan = translate(reading(b"6901234567892", "EAN-13"), KEYS, nonce=NONCE).scan
    assert (scan.code_kind, scan.product, scan.symbology) == ("product", "6901234567892", "EAN-13")


@pytest.mark.parametrize(
    "raw",
    [b"passport P<UTO", b"\x00\x01\xff", b"x" * 4096, b"'; DROP TABLE outbox;--", b"<b>hi</b>"],
)
def test_an_unknown_code_is_kept_only_sealed(raw: bytes):
    translated = translate(reading(raw), KEYS, nonce=NONCE)
    assert translated.scan.code_kind == "unknown"
    assert raw not in msgspec.msgpack.encode(translated.scan)
    assert unseal(SEAL, translated.scan.sealed) == raw


def test_the_longest_code_fits_a_row():
    scan = translate(reading(b"x" * 100_000), KEYS, nonce=NONCE).scan
    assert len(msgspec.msgpack.encode(scan)) < ROW_BYTES_MAX - 500


def test_a_driver_that_invents_long_symbologies_is_cut():
    assert len(translate(reading(b"x", "Q" * 500), KEYS, nonce=NONCE).scan.symbology) == 20


def test_keys_are_not_shown_in_logs():
    assert "000102" not in repr(KEYS)
    assert str(KEY) not in repr(KEYS)
    assert str(bytes(32)) not in repr(KEYS)


def test_an_add_on_is_no_part_of_the_number():
    for add_on in (b"12", b"51299"):
        shown = CodeReading(
            data=b"6901234567892" + add_on, symbology="EAN-13", at_mono_ms=0, aim_id="]E3"
        )
        assert translate(shown, KEYS, nonce=NONCE).code.subject == "6901234567892"


@pytest.mark.parametrize("aim_id", ["]C1", "]d2", "]Q3"])
def test_element_strings_are_known_by_their_symbology_identifier(aim_id: str):
    data = b"10AB-123\x1d0109501101530003"
    shown = CodeReading(data=data, symbology="Code128", at_mono_ms=0, aim_id=aim_id)
    assert translate(shown, KEYS, nonce=NONCE).code.subject == "9501101530003"


def test_what_the_reader_is_not_sure_of_says_so():
    shown = CodeReading(data=b"6901234567892", symbology="EAN-13", at_mono_ms=0, sure=False)
    assert not translate(shown, KEYS, nonce=NONCE).sure
