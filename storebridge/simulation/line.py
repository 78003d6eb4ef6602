"""How a simulated line treats messages."""

from dataclasses import dataclass
from random import Random

# The slowest message takes so long; what still travels when the faults stop has arrived by then.
DELAY_MS_MAX = 9_000


@dataclass(frozen=True, slots=True)
class Line:
    """How a line treats messages: which share it drops, repeats and makes slow."""

    drop_share: float
    repeat_share: float
    slow_share: float

    def delays_ms(self, rng: Random) -> tuple[int, ...]:
        """Return how long a message takes: one time, unless it is dropped or repeated."""
        chance = rng.random()
        if chance < self.drop_share:
            return ()
        if chance < self.drop_share + self.repeat_share:
            return self._delay_ms(rng), self._delay_ms(rng)
        return (self._delay_ms(rng),)

    def _delay_ms(self, rng: Random) -> int:
        if rng.random() < self.slow_share:
            return rng.randint(100, DELAY_MS_MAX)
        return rng.randint(5, 60)


FAIR = Line(0.02, 0.04, 0.05)
CALM = Line(0.0, 0.0, 0.0)
