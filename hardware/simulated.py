"""A device that plays a script, and shows at once whatever is put before it."""

import threading
from collections import deque
from collections.abc import Sequence

import msgspec

from hardware.clock import mono_ms
from hardware.driver import Act, ActResult, DeviceError
from hardware.readings import CODE_BYTES_MAX, CodeReading, PeopleReading, Reading, Stay

FEED_READINGS_MAX = 10_000
ACTS_KEPT_MAX = 1_000


class Feed:
    """Readings put before a simulated device from outside, in order.

    Holds at most FEED_READINGS_MAX; a further one is refused, so nothing vanishes silently.
    """

    def __init__(self) -> None:
        self._waiting: deque[Reading] = deque()
        self._changed = threading.Condition()

    def show_code(self, code: bytes | str, symbology: str = "QR") -> None:
        """Hold a code to the device, now."""
        plain = code.encode() if isinstance(code, str) else code
        self.put(CodeReading(data=plain, symbology=symbology, at_mono_ms=mono_ms()))

    def put(self, reading: Reading) -> None:
        """Let the device say this; raises OverflowError when nobody reads it any more."""
        with self._changed:
            if len(self._waiting) >= FEED_READINGS_MAX:
                raise OverflowError(f"{FEED_READINGS_MAX} readings wait: is the device open?")
            self._waiting.append(reading)
            self._changed.notify_all()

    def take(self, timeout_s: float) -> list[Reading]:
        """Take all that waits, waiting at most `timeout_s` for the first."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting), timeout_s)
            taken = list(self._waiting)
            self._waiting.clear()
            return taken


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a script, `after_ms` after the step before it (or after opening).

    Shows a code (`code` as text, or `code_hex`), sets how many people are in each zone (`counts`),
    or loses the device (`lose`, with the reason). A zone that becomes empty ends its stays.
    """

    after_ms: int = 0
    code: str = ""
    code_hex: str = ""
    symbology: str = "QR"
    counts: dict[str, int] | None = None
    lose: str = ""

    def __post_init__(self) -> None:
        if self.after_ms < 0:
            raise ValueError("after_ms: cannot be negative")
        if len(bytes.fromhex(self.code_hex)) > CODE_BYTES_MAX:
            raise ValueError(f"code_hex: more than {CODE_BYTES_MAX} bytes")


class SimulatedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `simulated`.

    `script` is played once after the first opening, or again and again with `repeat`. `feed`, a
    Feed, can only be handed over within the process.
    """

    script: tuple[Step, ...] = ()
    repeat: bool = False
    feed: object = None

    def __post_init__(self) -> None:
        if self.feed is not None and not isinstance(self.feed, Feed):
            raise ValueError("feed: expects a hardware.simulated.Feed, within the process only")
        if self.repeat and sum(step.after_ms for step in self.script) <= 0:
            raise ValueError("repeat: a script that repeats needs steps that take time (after_ms)")


class SimulatedDevice:
    """A driver without a device: plays its script in real time and notes what it was told to do.

    A script goes on where it stopped when the device is lost and opened again.
    """

    def __init__(self, options: SimulatedOptions) -> None:
        self._script = options.script
        self._repeat = options.repeat
        self.feed = options.feed if isinstance(options.feed, Feed) else Feed()
        self.acted: deque[Act] = deque(maxlen=ACTS_KEPT_MAX)
        self._next = 0
        self._due_ms: int | None = None
        self._entered_ms: dict[str, list[int]] = {}
        self._people_max: dict[str, int] = {}

    def open(self) -> None:
        """Start the script, or go on with it."""
        self._set_due(mono_ms())

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Return what was put into the feed and the script's steps that are due."""
        now_ms = mono_ms()
        wait_s = timeout_s
        if self._due_ms is not None:
            wait_s = min(timeout_s, max(0.0, (self._due_ms - now_ms) / 1000))
        readings = self.feed.take(wait_s)
        now_ms = mono_ms()
        while self._due_ms is not None and self._due_ms <= now_ms:
            step, at_ms = self._script[self._next], self._due_ms
            if step.lose and readings:
                break  # what came before the loss is delivered first
            self._next += 1
            self._set_due(at_ms)
            if step.lose:
                raise DeviceError(f"the simulated device was lost: {step.lose}")
            readings += self._play(step, at_ms)
        return readings

    def act(self, act: Act) -> ActResult:
        """Note the act in `acted`; it always succeeds."""
        self.acted.append(act)
        return ActResult(succeeded=True)

    def close(self) -> None:
        """Stop the script until the device is opened again."""
        self._due_ms = None

    def _set_due(self, from_ms: int) -> None:
        if self._repeat and self._next >= len(self._script):
            self._next = 0
        if self._next < len(self._script):
            self._due_ms = from_ms + self._script[self._next].after_ms
        else:
            self._due_ms = None

    def _play(self, step: Step, at_ms: int) -> list[Reading]:
        played: list[Reading] = []
        plain = bytes.fromhex(step.code_hex) if step.code_hex else step.code.encode()
        if plain:
            played.append(CodeReading(data=plain, symbology=step.symbology, at_mono_ms=at_ms))
        if step.counts is not None:
            played.append(self._count(step.counts, at_ms))
        return played

    def _count(self, counts: dict[str, int], at_ms: int) -> PeopleReading:
        """Let people come and go until the counts are reached; the first to come leaves first."""
        stays: list[Stay] = []
        for zone, people in counts.items():
            entered_ms = self._entered_ms.setdefault(zone, [])
            while len(entered_ms) < people:
                entered_ms.append(at_ms)
            peak = max(self._people_max.get(zone, 0), len(entered_ms))
            while len(entered_ms) > max(0, people):
                stays.append(
                    Stay(
                        zone=zone,
                        entered_mono_ms=entered_ms.pop(0),
                        left_mono_ms=at_ms,
                        people_max=peak,
                    )
                )
            self._people_max[zone] = peak if entered_ms else 0
        present = {zone: len(entered) for zone, entered in self._entered_ms.items()}
        return PeopleReading(
            at_mono_ms=at_ms, counts=present, stays=tuple(stays), detector="simulated"
        )
