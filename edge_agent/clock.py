"""What time it is in the store, and how far that may be trusted."""

import ctypes
import threading
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from wire.events import Clock

# Wall time before this (2024-01-01) is that of a machine whose clock lost its battery.
EARLIEST_AT = 1_704_067_200_000_000
JUMP_MS_MAX = 2_000
PROBE_S = 60

_TIMEX_BYTES = 256  # struct timex is 208 bytes; the kernel writes no more than that
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


class Instant(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One moment: wall time `at` in µs UTC, monotonic `mono_ms` within boot number `boot`."""

    at: int
    mono_ms: int
    boot: int
    quality: Clock


class StoreTime(Protocol):
    """Whatever can say what time it is in the store."""

    def now(self) -> Instant:
        """Return the present moment."""
        ...


def wall_us() -> int:
    """Return the wall time of this machine in µs UTC."""
    return time.time_ns() // 1_000


def kernel_quality() -> Clock:
    """Ask the Linux kernel whether somebody keeps its clock right; UNKNOWN where it cannot say."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return Clock.UNKNOWN
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state < 0:
        return Clock.UNKNOWN
    return Clock.FREE if state == _TIME_ERROR else Clock.SYNCED


class StoreClock:
    """The clock of a store's agent, which notices when the wall time was set or lost.

    Guarantees:
    - `mono_ms` never runs backwards within a boot number;
    - after a jump of the wall time by more than JUMP_MS_MAX against the monotonic time, and while
      the wall time is before EARLIEST_AT, the quality is UNKNOWN until the kernel says that the
      clock is synchronised: nothing that depends on age is thrown away meanwhile.
    """

    def __init__(
        self,
        boot: int,
        *,
        wall: Callable[[], int] = wall_us,
        mono: Callable[[], float] = time.monotonic,
        quality: Callable[[], Clock] = kernel_quality,
    ) -> None:
        self.boot = boot
        self.jumps = 0
        self._wall, self._mono, self._probe = wall, mono, quality
        self._lock = threading.Lock()
        self._quality = Clock.UNKNOWN
        self._doubtful = False
        self._probed_ms = -PROBE_S * 1_000
        self._offset_ms: int | None = None

    def now(self) -> Instant:
        """Return the present moment, with the quality of its wall time."""
        with self._lock:
            mono_ms = int(self._mono() * 1_000)
            at = self._wall()
            self._notice_jump(at // 1_000 - mono_ms)
            if mono_ms - self._probed_ms >= PROBE_S * 1_000:
                self._probed_ms = mono_ms
                self._quality = self._probe()
                self._doubtful = self._doubtful and self._quality is not Clock.SYNCED
            doubtful = self._doubtful or at < EARLIEST_AT
            quality = Clock.UNKNOWN if doubtful else self._quality
            return Instant(at=at, mono_ms=mono_ms, boot=self.boot, quality=quality)

    def _notice_jump(self, offset_ms: int) -> None:
        if self._offset_ms is not None and abs(offset_ms - self._offset_ms) > JUMP_MS_MAX:
            self.jumps += 1
            self._doubtful = True
            self._probed_ms = -PROBE_S * 1_000
        self._offset_ms = offset_ms


class FixedClock:
    """A clock that stands still until it is moved: for simulations and tests."""

    def __init__(
        self,
        at: int = EARLIEST_AT,
        *,
        mono_ms: int = 0,
        boot: int = 1,
        quality: Clock = Clock.SYNCED,
    ) -> None:
        self._now = Instant(at=at, mono_ms=mono_ms, boot=boot, quality=quality)

    def now(self) -> Instant:
        """Return the moment at which the clock stands."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        was = self._now
        self._now = Instant(
            at=was.at + round(seconds * 1_000_000),
            mono_ms=was.mono_ms + round(seconds * 1_000),
            boot=was.boot,
            quality=was.quality,
        )

    def set_wall(self, at: int, *, quality: Clock = Clock.UNKNOWN) -> None:
        """Set the wall time without time passing, as an operator or a wrong time server does."""
        was = self._now
        self._now = Instant(at=at, mono_ms=was.mono_ms, boot=was.boot, quality=quality)
