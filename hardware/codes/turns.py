"""Decides which frames of a live lane get a costly look, and by which stage: pure, frames count."""

# Every so manieth frame gets a costly look in any case: with three stages, each is tried within
# ten frames.
TURN_EVERY_FRAMES = 3
# Where there is reason to look closer every frame gets one, for so many frames at a stretch; each
# of these is saved up again in so many frames.
LOOKS_SAVED_MAX = 6
FRAMES_PER_LOOK = 6


class Turns:
    """The costly stages of one lane, numbered; the most fruitful is 0.

    Guarantees:
    - a frame gets one stage at most;
    - each of three stages is tried within ten frames, whatever there is to see;
    - what comes into view is looked at by the most fruitful stage first, as long as there are
      savings, and in the next frames by the others;
    - on average a stage is tried in every second frame at most.
    """

    def __init__(self, stages: int) -> None:
        self._stages = stages
        self._saved_frames = LOOKS_SAVED_MAX * FRAMES_PER_LOOK
        self._frames_to_turn = TURN_EVERY_FRAMES
        self._turns = 0
        self._looks = 0

    def take(self, *, wanted: bool) -> int | None:
        """Return the stage that this frame gets, None for none.

        `wanted` says that there is reason to look closer; such a frame may put a turn off by one.
        """
        self._saved_frames = min(LOOKS_SAVED_MAX * FRAMES_PER_LOOK, self._saved_frames + 1)
        self._frames_to_turn -= 1
        if not wanted:
            self._looks = 0
        elif self._saved_frames >= FRAMES_PER_LOOK and self._frames_to_turn >= 0:
            self._saved_frames -= FRAMES_PER_LOOK
            self._looks += 1
            return (self._looks - 1) % self._stages
        if self._frames_to_turn > 0:
            return None
        self._frames_to_turn += TURN_EVERY_FRAMES
        self._turns += 1
        return self._turns % self._stages
