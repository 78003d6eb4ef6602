"""Messages of every released version decode for ever, and mean what they meant.

A file in `tests/golden` belongs to a version and is never changed. It has a line for each message:
its name, its payload in hex, and what it means as `storebridge wire decode` showed it then. The
payloads were made with `wire.codec.encode` of that version from messages with the values that
`means` shows; random-looking bytes in them are counted up in steps of seven, so that they compress
no better than real ones. The unknown kind of event was written as msgpack by hand. A new version
adds a file of its own, written in the same way, before its release. `wire-0.1-lone.jsonl` holds the
dense frame: every kind alone, with names that the vocabulary knows and that it does not;
`wire-0.1-privacy.jsonl` the kinds and the reason that came with consents and erasures.
"""

import json
import zlib
from pathlib import Path
from typing import get_args

import pytest

from wire import vocabulary
from wire.batch import BACK, DENSE_FRAME, SHORT, ZSTANDARD
from wire.batch import FRAME as BATCH_FRAME
from wire.codec import PLAIN_FRAME, UPDATE_FRAME, decode
from wire.dictionary import DICTIONARY
from wire.events import EVENT_KINDS
from wire.messages import Message
from wire.plain import plain_message

FOLDER = Path(__file__).parent / "golden"
MESSAGES = [
    pytest.param(line, id=f"{file.stem}: {line['name']}")
    for file in sorted(FOLDER.glob("*.jsonl"))
    for line in map(json.loads, file.read_text(encoding="utf-8").splitlines())
]


def lacks(now: object, then: object) -> bool:
    """Tell whether something that was there then is not there now; more may be there now."""
    match then:
        case dict():
            return not isinstance(now, dict) or any(
                name not in now or lacks(now[name], inner) for name, inner in then.items()
            )
        case list():
            return not isinstance(now, list) or len(now) != len(then) or any(map(lacks, now, then))
        case _:
            return now != then


@pytest.mark.parametrize("golden", MESSAGES)
def test_a_message_of_a_released_version_means_what_it_meant(golden: dict[str, object]):
    means = dict(golden["means"])  # type: ignore[call-overload]
    if "later version" in str(golden["name"]):
        means["rows"] = [{"seq": row["seq"]} for row in means["rows"]]
    shown = plain_message(decode(bytes.fromhex(str(golden["payload"]))))
    assert not lacks(shown, means)


def test_every_message_and_every_kind_of_event_is_among_them():
    shown = [golden.values[0]["means"] for golden in MESSAGES]
    assert {each["message"] for each in shown} == {kind.__name__ for kind in get_args(Message)}
    kinds = {row.get("kind") for each in shown for row in each.get("rows", ())}
    assert kinds >= set(EVENT_KINDS)


def test_every_frame_is_among_them():
    frames = {bytes.fromhex(golden.values[0]["payload"])[0] for golden in MESSAGES}
    assert {PLAIN_FRAME, UPDATE_FRAME} < frames
    batches = {frame for frame in frames if frame & 0xF0 == BATCH_FRAME}
    assert {frame & ZSTANDARD for frame in batches} == {0, ZSTANDARD}
    lone = {frame & ~DENSE_FRAME for frame in frames if frame & 0xF0 == DENSE_FRAME}
    assert lone == {0, BACK, SHORT, BACK | SHORT}


def test_the_dictionary_is_what_it_was():
    assert (len(DICTIONARY), zlib.crc32(DICTIONARY)) == (646, 0x44A5042D)


def test_the_vocabulary_is_what_it_was():
    frozen = [
        (name, value)
        for name, value in sorted(vars(vocabulary).items())
        if name.isupper() and name[0] != "_"
    ]
    assert zlib.crc32(repr(frozen).encode()) == 0x76A08022


def test_a_lost_field_would_be_seen():
    assert lacks({"a": 1}, {"a": 1, "b": 2})
    assert lacks([{"a": 1}], [{"a": 2}])
    assert lacks([1], [1, 2])
    assert not lacks({"a": 1, "new": 2}, {"a": 1})
