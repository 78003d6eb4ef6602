"""What became of the frames that a lane gave to its decoder: pure, time is an argument."""

from collections.abc import Mapping
from typing import Literal

Failure = Literal["decoder-hung", "decoder-crashed"]
# What the lane of a camera says of its decoder reaches staff: these have words in looks/reasons.py.
DEVICE_REASONS = ("decoder-hung", "decoder-crashed")

# After so many failures in a row the next frame waits: what makes decoders fail may be held up
# for long, and must not take a processor from the rest of the store. With FRAME_S_MAX and the time
# between two frames it stays below a second.
PAUSES_MS = (0, 0, 100, 200, 400, 500)
RECOVERED_MS = 10_000


class DecodingRecord:
    """Counts a lane's frames, and says when the next may be decoded and whether decoding is well.

    A trouble begins with a failure and ends after RECOVERED_MS without one, so that a code which
    makes decoders fail again and again is one trouble.
    """

    def __init__(self) -> None:
        self.trouble: Failure | None = None
        self._counts = {"decoded": 0, "decoder_hangs": 0, "decoder_crashes": 0, "undecoded": 0}
        self._in_a_row = 0
        self._failed_ms = 0

    @property
    def figures(self) -> Mapping[str, int]:
        """Return how many frames were decoded, failed by hang or crash, and were passed over."""
        return dict(self._counts)

    def may_decode(self, at_ms: int) -> bool:
        """Tell whether a frame may be decoded now."""
        pause_ms = PAUSES_MS[min(self._in_a_row, len(PAUSES_MS) - 1)]
        return at_ms - self._failed_ms >= pause_ms

    def passed_over(self) -> None:
        """Count a frame that was not decoded."""
        self._counts["undecoded"] += 1

    def went_well(self, at_ms: int) -> bool:
        """Count a frame that was decoded; tells whether a trouble ends with it."""
        self._counts["decoded"] += 1
        self._in_a_row = 0
        if self.trouble is None or at_ms - self._failed_ms < RECOVERED_MS:
            return False
        self.trouble = None
        return True

    def failed(self, failure: Failure, at_ms: int) -> bool:
        """Count a frame that cost the decoder its life; tells whether a trouble begins with it."""
        self._counts["decoder_hangs" if failure == "decoder-hung" else "decoder_crashes"] += 1
        self._in_a_row += 1
        self._failed_ms = at_ms
        begins = self.trouble is None
        if begins:
            self.trouble = failure
        return begins
