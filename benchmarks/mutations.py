"""Pictures and payloads changed at random, as somebody would who wants to stop a reader."""

import random
import time
from collections.abc import Iterator

import cv2
import numpy as np

from benchmarks.result import Goal, Result
from edge_agent.codes.codes import Rules, understand
from hardware.cameras.frames import FrameError, Pixels
from hardware.cameras.images import decode_image, to_grey
from hardware.codes.cascade import LaneCascade
from hardware.codes.decoder import SYMBOLOGIES_DEFAULT
from storebridge.commands.scan import text_of
from storebridge.simulated.cards import draw_card, draw_product, gtin_of

SIDE = 48
# Of a hundred changed things so many are files that are decoded; the others are payloads.
FILES_OF_HUNDRED = 10
# Every so manieth file that is still a picture is read for codes as well.
READ_EVERY = 10


def mutate_codes(count: int, seed: int = 11) -> Iterator[Result]:
    """Decode and understand `count` changed files and payloads; whatever is raised ends it.

    How long one takes is processor time: what else the machine does is no stop of ours.
    """
    chance = random.Random(seed)
    lane = LaneCascade(SYMBOLOGIES_DEFAULT)
    files, payloads = _files(), [b"sb:m:ANNA-1", gtin_of(7).encode(), b"\x1d01" + b"0" * 14]
    rules, longest_s, pictures = Rules(), 0.0, 0
    understand(payloads[-1], rules)  # what is loaded once is not what a payload costs
    for number in range(count):
        began = time.process_time()
        if number % 100 < FILES_OF_HUNDRED:
            picture = _picture(_changed(chance.choice(files), chance))
            pictures += picture is not None
            if picture is not None and pictures % READ_EVERY == 0:
                lane.decode(picture)
        else:
            raw = _changed(chance.choice(payloads), chance)
            understand(raw, rules)
            text_of(raw)
        longest_s = max(longest_s, time.process_time() - began)
    yield Result(
        name=f"codes: the longest stop over {count} mutated pictures and payloads",
        value=longest_s,
        unit="s",
        goal=Goal(of="value", better="at most", number=1),
    )


def _picture(content: bytes) -> Pixels | None:
    try:
        return to_grey(decode_image(content))
    except FrameError:
        return None


def _changed(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for value in chance.randbytes(1 + int(chance.random() * 8)):
        changed[int(chance.random() * len(changed))] = value
    if chance.random() < 0.2:
        del changed[int(chance.random() * len(changed)) :]
    return bytes(changed)


def _files() -> list[bytes]:
    """Return small pictures of codes in every format that is read."""
    drawn = [draw_card((160, 120), b"sb:m:A", 1), draw_product((320, 240), gtin_of(5), 1)]
    small = [cv2.resize(each, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for each in drawn]
    formats = (".png", ".jpg", ".webp", ".bmp")
    return [
        np.asarray(cv2.imencode(suffix, each)[1]).tobytes() for each in small for suffix in formats
    ]
