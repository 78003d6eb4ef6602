"""A number made of bars is believed when seen again; a code with error correction at once."""

from dataclasses import replace

from hardware.codes.decoder import Decoded
from hardware.codes.evidence import CODES_WATCHED_MAX, GONE_MS, SIGHTINGS_WITHIN_MS, Evidence


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
    given = evidence.weigh([bars("a")], SIGHTINGS_WITHIN_MS + 1)
    assert [code.trust for code in given] == ["doubtful"]


def test_a_still_is_believed_where_the_lane_says_so() -> None:
    assert Evidence(1).weigh([bars("a")], 0) == [bars("a")]


def test_what_is_watched_is_bounded() -> None:
    evidence = Evidence()
    for number in range(CODES_WATCHED_MAX + 1):
        evidence.weigh([bars(str(number))], 0)
    assert evidence.weigh([bars("0")], 1) == []
    assert evidence.weigh([bars(str(CODES_WATCHED_MAX))], 1) != []


def test_what_never_became_certain_is_asked_for_again_once() -> None:
    evidence = Evidence()
    doubtful = replace(bars("a"), trust="doubtful")
    assert evidence.weigh([doubtful], 0) == evidence.weigh([doubtful], 100) == []
    assert evidence.weigh([], SIGHTINGS_WITHIN_MS + 101) == [doubtful]
    assert evidence.weigh([], SIGHTINGS_WITHIN_MS + 200) == []


def test_two_numbers_that_are_read_at_one_place_are_never_sold() -> None:
    evidence = Evidence()
    assert all(not evidence.weigh([bars("a"), bars("b")], at * 100) for at in range(10))


def test_a_misread_beside_a_sale_asks_for_nothing() -> None:
    evidence = Evidence()
    for at in range(3):
        evidence.weigh([bars("right")], at)
    evidence.weigh([bars("wrong")], 3)
    assert evidence.weigh([], SIGHTINGS_WITHIN_MS + 4) == []


def test_two_ways_of_reading_that_agree_are_enough_at_once() -> None:
    proven = replace(bars("a"), trust="proven")
    assert Evidence().weigh([proven], 0) == [proven]


def test_the_next_goods_are_believed_as_soon_as_the_ones_before_are_gone() -> None:
    evidence, first, second = Evidence(), bars("a"), replace(bars("b"), trust="proven")
    for at in range(10):
        evidence.weigh([replace(first, trust="proven")], at * 100)
    assert evidence.weigh([second], 900 + GONE_MS - 100) == []
    assert evidence.weigh([second], 900 + GONE_MS + 1) == [second]


def test_one_misread_of_goods_that_were_not_read_for_a_while_is_not_sold() -> None:
    """They are held all the while, moved too quickly to be read, and then read as others once."""
    evidence, held, wrong = Evidence(), bars("a"), replace(bars("b"), trust="proven")
    evidence.weigh([replace(held, trust="proven")], 0)
    for at in (GONE_MS + 1, SIGHTINGS_WITHIN_MS):
        assert evidence.weigh([wrong], at) == []
        evidence = Evidence()
        evidence.weigh([replace(held, trust="proven")], 0)
    assert evidence.weigh([wrong], SIGHTINGS_WITHIN_MS + 1) == [wrong]  # then they are the next


def test_goods_at_another_place_of_the_picture_stand_against_none() -> None:
    evidence, first = Evidence(), replace(bars("a"), trust="proven")
    aside = replace(bars("b"), trust="proven", quad=((400, 0), (500, 0), (500, 50), (400, 50)))
    evidence.weigh([first], 0)
    assert evidence.weigh([aside], 100) == [aside]


def test_a_misread_of_goods_that_are_still_held_is_not_sold() -> None:
    evidence, held, wrong = Evidence(), bars("a"), replace(bars("b"), trust="proven")
    for at in range(10):
        evidence.weigh([replace(held, trust="proven")], at * 100)
    assert evidence.weigh([wrong], 900 + GONE_MS) == []


def test_a_number_that_was_never_believed_stands_against_another_while_it_is_remembered() -> None:
    evidence = Evidence()
    evidence.weigh([bars("a")], 0)
    assert evidence.weigh([bars("b")], GONE_MS + 1) == []
    assert evidence.weigh([bars("b")], GONE_MS + 100) == [bars("b")]
    evidence = Evidence(3)
    for at in range(2):
        evidence.weigh([bars("a")], at)
    for at in range(3):
        assert evidence.weigh([bars("b")], GONE_MS + 2 + at) == []
