"""Failures of a decoder are counted; a trouble has one beginning and one end."""

from hardware.codes.decoding_record import PAUSES_MS, RECOVERED_MS, DecodingRecord


def test_a_trouble_begins_once_and_ends_once() -> None:
    record = DecodingRecord()
    assert not record.went_well(0)
    assert record.failed("decoder-hung", 1_000)
    assert record.trouble == "decoder-hung"
    assert not record.failed("decoder-crashed", 2_000)
    assert record.trouble == "decoder-hung"
    assert not record.went_well(2_000 + RECOVERED_MS - 1)
    assert record.went_well(2_000 + RECOVERED_MS)
    assert record.trouble is None
    assert not record.went_well(2_001 + RECOVERED_MS)
    assert record.figures == {
        "decoded": 4,
        "decoder_hangs": 1,
        "decoder_crashes": 1,
        "undecoded": 0,
    }


def test_after_one_failure_the_next_frame_is_decoded_at_once_and_after_many_within_a_second() -> (
    None
):
    record = DecodingRecord()
    record.failed("decoder-hung", 100)
    assert record.may_decode(100)
    for _ in range(50):
        record.failed("decoder-hung", 100)
    assert not record.may_decode(100 + PAUSES_MS[-1] - 1)
    assert record.may_decode(100 + PAUSES_MS[-1])
    # A frame that hangs for 300 ms, and the next one 100 ms late.
    assert 300 + PAUSES_MS[-1] + 100 < 1_000
    record.went_well(1_000)
    record.failed("decoder-hung", 1_100)
    assert record.may_decode(1_100)
