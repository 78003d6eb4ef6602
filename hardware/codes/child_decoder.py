"""A decoder that does its work in a process of its own, and survives whatever happens to that."""

import logging
from collections.abc import Mapping, Sequence

from hardware.cameras.frames import PIXELS_MAX, Pixels
from hardware.clock import mono_ms
from hardware.codes.decoder import Decoded
from hardware.codes.decoding_answers import BadAnswer
from hardware.codes.decoding_process import DecodingProcess, Hung
from hardware.codes.decoding_record import DecodingRecord, Failure

# A frame whose decoding takes longer is given up: a hundred times what an ordinary one takes.
FRAME_S_MAX = 0.3
# How long a frame waits for a child that is just being started; it is passed over then.
START_WAIT_S_MAX = 0.1
# How long an opening waits for the libraries to load, which needs about a second on a small box.
OPEN_WAIT_S_MAX = 8.5
# A child is replaced after so many frames: what a library forgets to give back goes with it.
FRAMES_PER_CHILD_MAX = 1_000

DECODERS_TABLE = "hardware.codes.decoders:DECODERS"

log = logging.getLogger(__name__)


class ChildDecoder:
    """Any decoder of a table, confined to a child (see `confinement.py`); for one thread.

    Guarantees:
    - a picture that hangs the decoder for `frame_s_max`, ends its process or makes it say nonsense
      costs this frame and is counted; the next is read by a fresh child, after a pause where such
      frames follow each other;
    - `decode` takes at most `frame_s_max` and START_WAIT_S_MAX;
    - nothing that the child says is believed unchecked;
    - a trouble is logged once when it starts and once when it ends.
    """

    def __init__(
        self,
        name: str,
        symbologies: Sequence[str],
        *,
        table: str = DECODERS_TABLE,
        frame_s_max: float = FRAME_S_MAX,
    ) -> None:
        self._frame_s_max = frame_s_max
        self._record = DecodingRecord()
        self._process = DecodingProcess(table, name, symbologies)
        self._frames_of_child = 0
        self._warned = False

    @property
    def trouble(self) -> str:
        """Return why decoding is not well, in one word; empty when it is."""
        return self._record.trouble or ""

    @property
    def figures(self) -> Mapping[str, int]:
        """Return how many frames were decoded, hung, crashed and were passed over."""
        return self._record.figures

    def start(self) -> None:
        """Begin to load the decoder, and return at once."""
        self._process.start()

    def open(self) -> None:
        """Wait until the decoder is loaded; raises DeviceError when it cannot be."""
        while not self._process.ready(OPEN_WAIT_S_MAX):
            pass
        if not self._process.filtered and not self._warned:
            self._warned = True
            log.warning(
                "this machine's kernel filters no system calls: decoders of codes are confined by "
                "limits of memory, files and processes alone"
            )

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found; none in a frame that was passed over.

        Raises DeviceError when the decoder's process does not run and cannot be started.
        """
        usable = 0 < grey.size <= PIXELS_MAX and self._record.may_decode(mono_ms())
        if not usable or not self._process.ready(START_WAIT_S_MAX):
            self._record.passed_over()
            return ()
        try:
            codes = self._process.decode(grey, self._frame_s_max)
        except Hung:
            self._replace("decoder-hung", f"it took longer than {self._frame_s_max * 1000:g} ms")
            return ()
        except BadAnswer as error:
            self._replace("decoder-crashed", str(error))
            return ()
        if self._record.went_well(mono_ms()):
            log.info("codes are decoded without trouble again: %s", dict(self.figures))
        self._frames_of_child += 1
        if self._frames_of_child >= FRAMES_PER_CHILD_MAX:
            self._renew()
        return codes

    def close(self) -> None:
        """End the process; safe to call twice."""
        self._process.end()

    def _replace(self, failure: Failure, why: str) -> None:
        self._renew()
        if self._record.failed(failure, mono_ms()):
            log.warning("a frame was lost, as decoding its codes failed: %s; going on", why)

    def _renew(self) -> None:
        self._process.renew()
        self._frames_of_child = 0
