"""What it costs to decode codes in a confined process, and how soon it goes on after a fault."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psutil

from benchmarks.lane import EVERY_S, SIZE, in_process
from benchmarks.processes import cpu_s
from benchmarks.result import Goal, Result, in_turns
from hardware.cameras.frames import Pixels
from hardware.cameras.images import to_grey
from hardware.codes.barcode_camera import BarcodeCameraOptions
from hardware.codes.child_decoder import ChildDecoder
from hardware.codes.decoder import SYMBOLOGIES_DEFAULT, Decoder
from storebridge.simulated.cards import draw_card, draw_empty

FRAMES_AT_ONCE = 10


def decoding(*, turns: int = 7, faults: int = 10) -> Iterator[Result]:
    """Decode the same frames confined and not, in turns; then harm a decoder so many times."""
    yield _cost(turns)
    for fault, harm in FAULTS.items():
        yield Result(
            name=f"decoding: after {fault}, until the next code is read, longest",
            value=max(_back_ms(harm) for _ in range(faults)),
            unit="ms",
            # No picture reaches the keeper: its end is another matter, known but without a goal.
            goal=None if harm is _kill_keeper else Goal(of="value", better="at most", number=1_000),
            runs=faults,
        )


def _cost(turns: int) -> Result:
    """Measure the processor time of frames decoded in a child and in this process, in turns."""
    frames = [to_grey(draw_card(SIZE, "LANE-000001", 1, moment)) for moment in range(5)]
    frames += [to_grey(draw_empty(SIZE, 1, moment)) for moment in range(5)]
    bare = in_process()
    with _a_decoder() as confined:
        ours, peer = in_turns(
            lambda: _cpu_ms(confined, frames), lambda: _cpu_ms(bare, frames), runs=turns
        )
    return Result(
        name="decoding: processor time of a frame, confined",
        value=ours,
        unit="ms/frame",
        peer="the same decoder in the same process",
        peer_value=peer,
        runs=turns,
    )


def _cpu_ms(decoder: Decoder, frames: Sequence[Pixels]) -> float:
    began_s = cpu_s(os.getpid())
    for _ in range(FRAMES_AT_ONCE):
        for frame in frames:
            decoder.decode(frame)
    return (cpu_s(os.getpid()) - began_s) * 1_000 / FRAMES_AT_ONCE / len(frames)


@contextmanager
def _a_decoder() -> Iterator[ChildDecoder]:
    decoder = ChildDecoder(BarcodeCameraOptions(source=0).decoder, SYMBOLOGIES_DEFAULT)
    decoder.open()
    yield decoder
    decoder.close()


def _kill_child(keeper: psutil.Process) -> None:
    keeper.children()[0].kill()


def _stop_child(keeper: psutil.Process) -> None:
    keeper.children()[0].send_signal(signal.SIGSTOP)


def _kill_keeper(keeper: psutil.Process) -> None:
    keeper.kill()


FAULTS: dict[str, Callable[[psutil.Process], None]] = {
    "its decoder crashed": _kill_child,
    "its decoder hung": _stop_child,
    "its decoder's keeper was killed": _kill_keeper,
}


def _back_ms(harm: Callable[[psutil.Process], None]) -> float:
    """Harm a lane's decoder, and return after how long it reads a code shown 10 times a second."""
    card = to_grey(draw_card(SIZE, "LANE-000001", 1, 1))
    before = {each.pid for each in psutil.Process().children()}
    with _a_decoder() as decoder:
        while not decoder.decode(card):
            time.sleep(EVERY_S)
        (keeper,) = (each for each in psutil.Process().children() if each.pid not in before)
        harm(keeper)
        began_s = due_s = time.perf_counter()
        while not decoder.decode(card):
            due_s += EVERY_S
            time.sleep(max(0.0, due_s - time.perf_counter()))
        return (time.perf_counter() - began_s) * 1_000
