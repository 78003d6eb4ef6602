"""The program that decodes codes in pictures, away from everything that is worth something.

Started by `decoding_process.py`. It loads and warms a decoder once and then stays away from
pictures; for each socket that it is handed it forks a child in place of the one before. A child
confines itself, reads pictures in the shared memory and answers through its socket. All of them
end with the program that started this one.
"""

import gc
import mmap
import os
import signal
import socket
import sys
from importlib import import_module
from types import TracebackType

import numpy as np

from hardware.cameras.frames import PIXELS_MAX, Pixels
from hardware.codes import confinement
from hardware.codes.decoder import Decoder
from hardware.codes.decoding_answers import (
    GREETING_FILTERED,
    GREETING_LIMITED,
    REQUEST,
    write_answer,
    write_failure,
)
from hardware.codes.warm_up import load_character_sets, warm_up_pictures

# Beyond what a warm decoder holds: a picture of PIXELS_MAX in a few copies.
MORE_MEMORY_BYTES_MAX = 384 * 1024 * 1024
# Of a child's whole life: what its frames may take at most, so that none computes for ever unasked.
CPU_S_MAX = 600


def main() -> None:
    """Warm a decoder, and fork a child of it for each socket that comes."""
    parent, control_fd, pictures_fd, table, name, *symbologies = sys.argv[1:]
    confinement.die_with(int(parent))
    confinement.be_the_first_to_go()
    # Whoever stops the agent's whole group of processes means the agent, with whom this ends.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pictures = mmap.mmap(int(pictures_fd), PIXELS_MAX, prot=mmap.PROT_READ)
    os.close(int(pictures_fd))
    decoder = _warm(table, name, symbologies)
    gc.collect()
    gc.freeze()  # what is shared with the children stays so when they collect
    with socket.socket(fileno=int(control_fd)) as control:
        _fork_on_demand(control, np.frombuffer(pictures, np.uint8), decoder)


def _warm(table: str, name: str, symbologies: list[str]) -> Decoder:
    """Return the decoder of this name in the table `module:table`, used once.

    Libraries load parts of themselves at their first use, for which a child has no right.
    """
    module, attribute = table.split(":")
    decoder: Decoder = getattr(import_module(module), attribute)[name](symbologies)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)  # a fork takes no threads along
    load_character_sets()
    for picture in warm_up_pictures():
        decoder.decode(picture)
    return decoder


def _fork_on_demand(control: socket.socket, pictures: Pixels, decoder: Decoder) -> None:
    child = 0
    while True:
        _, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not fds:
            return  # whoever asks has gone
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        keeper = os.getpid()
        child = os.fork()
        if not child:
            confinement.die_with(keeper)
            control.close()
            _serve(fds[0], pictures, decoder)
            return
        os.close(fds[0])


def _serve(asking: int, pictures: Pixels, decoder: Decoder) -> None:
    """Answer one request after the other, until nobody asks any more."""
    number = 0

    def give_up(
        kind: type[BaseException], _error: BaseException, _trace: TracebackType | None
    ) -> None:
        os.write(asking, write_failure(number, kind.__name__))

    sys.excepthook = give_up
    filtered = confinement.confine(
        confinement.this_machine(), more_memory_bytes=MORE_MEMORY_BYTES_MAX, cpu_s=CPU_S_MAX
    )
    os.write(asking, GREETING_FILTERED if filtered else GREETING_LIMITED)
    while request := os.read(asking, REQUEST.size):
        number, height, width = REQUEST.unpack(request)
        picture = pictures[: height * width].reshape(height, width)
        os.write(asking, write_answer(number, decoder.decode(picture), (height, width)))


if __name__ == "__main__":
    main()
