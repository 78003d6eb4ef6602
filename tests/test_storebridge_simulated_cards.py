"""What is drawn before the camera is read by the real reader, and is hard enough to be honest."""

from collections.abc import Callable

import pytest

from hardware.cameras.frames import Pixels
from hardware.cameras.images import to_grey
from hardware.codes.decoder import Decoder
from hardware.codes.evidence import Evidence
from hardware.codes.gtin import check_digit
from hardware.codes.zbar import ZbarDecoder
from storebridge.simulated.cards import (
    draw_card,
    draw_empty,
    draw_phone,
    draw_product,
    ean13_modules,
    gtin_of,
)

SIZE = (640, 480)
SEEDS = 40
JITTERED_FRAMES = 10
TOKEN = b"sb:m:" + b"Ab3" * 70
SIGNED = "SB1:M:" + "AB3C" * 40


def a_gtin(seed: int) -> str:
    body = f"{(seed * 7_919_123_457 + 400_000_000_000) % 10**12:012d}"
    return f"{body}{check_digit(body)}"


def read(decoder: Decoder, draw: Callable[[int], Pixels]) -> list[bytes]:
    """Show up to ten jittered frames of one showing; return what the lane would report first."""
    evidence = Evidence()
    for jitter in range(JITTERED_FRAMES):
        found = evidence.weigh(decoder.decode(to_grey(draw(jitter))), jitter * 100)
        if found:
            return [code.data for code in found]
    return []


@pytest.mark.parametrize(
    ("symbology", "what", "draw"),
    [
        (
            "QR",
            lambda seed: b"sb:m:ANNA-%05d" % seed,
            lambda seed, jitter: draw_card(SIZE, b"sb:m:ANNA-%05d" % seed, seed, jitter),
        ),
        ("QR", lambda seed: TOKEN, lambda seed, jitter: draw_card(SIZE, TOKEN, seed, jitter)),
        (
            "QR",
            lambda seed: SIGNED.encode(),
            lambda seed, jitter: draw_phone(SIZE, SIGNED, seed, jitter),
        ),
        (
            "EAN-13",
            lambda seed: a_gtin(seed).encode(),
            lambda seed, jitter: draw_product(SIZE, a_gtin(seed), seed, jitter),
        ),
    ],
    ids=["card", "card with a long token", "phone with a signed token", "product"],
)
def test_nineteen_of_twenty_showings_are_read_within_ten_frames_and_none_wrongly(
    symbology: str, what: Callable[[int], bytes], draw: Callable[[int, int], Pixels]
) -> None:
    decoder = ZbarDecoder([symbology, "UPC-A"])
    shown = {
        seed: read(decoder, lambda jitter, seed=seed: draw(seed, jitter))  # type: ignore[misc]
        for seed in range(SEEDS)
    }
    right = sum(codes == [what(seed)] for seed, codes in shown.items())
    assert right >= 0.95 * SEEDS
    assert [codes for seed, codes in shown.items() if codes not in ([], [what(seed)])] == []


def test_the_same_seed_draws_the_same_frame_and_another_moment_another() -> None:
    frame = draw_card(SIZE, "a", 1, 2)
    assert frame.shape == (480, 640, 3)
    assert (frame == draw_card(SIZE, "a", 1, 2)).all()
    assert (frame != draw_card(SIZE, "a", 1, 3)).any()


def test_an_empty_shelf_holds_no_code() -> None:
    decoder = ZbarDecoder(["QR", "EAN-13", "EAN-8", "UPC-A", "Code128"])
    assert [decoder.decode(to_grey(draw_empty(SIZE, seed))) for seed in range(10)] == [()] * 10


def test_the_bars_are_those_of_the_standard() -> None:
    """The digits 0, 0, 6 behind a leading 4 are drawn as L, G, L (GS1 tables 5.2.1.2-1 and -2)."""
    modules = ean13_modules("4006381333931")
    assert (len(modules), modules[:3], modules[45:50], modules[-3:]) == (95, "101", "01010", "101")
    assert modules[3:24] == "000110101001110101111"


def test_a_number_that_is_no_gtin_is_not_drawn() -> None:
    with pytest.raises(ValueError, match="is no GTIN"):
        draw_product(SIZE, "4006381333932", 0)
    assert ean13_modules(gtin_of(1))
