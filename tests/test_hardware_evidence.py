"""A number made of bars is believed when seen again; a code with error correction at once."""

from hardware.decoder import Decoded
from hardware.evidence import CODES_WATCHED_MAX, SIGHTINGS_WITHIN_MS, Evidence


def bars(number: str) -> Decoded:
    return Decoded(data=number.encode(), symbology="EAN-13", quad=((0, 0), (1, 0), (1, 1), (0, 1)))


QR = Decoded(data=b"sb:m:ANNA", symbology="QR", quad=((0, 0), (1, 0), (1, 1), (0, 1)))


def test_a_number_misread_once_is_never_sold() -> None:
    evidence = Evidence()
    shown = [evidence.weigh([bars(n)], at) for at, n in enumerate(["right", "wrong", "right"])]
    assert shown == [[], [], [bars("right")]]


def test_a_qr_code_is_believed_at_once() -> None:
    assert Evidence().weigh([QR], 0) == [QR]


def test_two_sightings_far_apart_prove_nothing() -> None:
    evidence = Evidence()
    evidence.weigh([bars("a")], 0)
    assert evidence.weigh([bars("a")], SIGHTINGS_WITHIN_MS + 1) == []


def test_a_still_is_believed_where_the_lane_says_so() -> None:
    assert Evidence(1).weigh([bars("a")], 0) == [bars("a")]


def test_what_is_watched_is_bounded() -> None:
    evidence = Evidence()
    for number in range(CODES_WATCHED_MAX + 1):
        evidence.weigh([bars(str(number))], 0)
    assert evidence.weigh([bars("0")], 1) == []
    assert evidence.weigh([bars(str(CODES_WATCHED_MAX))], 1) != []
