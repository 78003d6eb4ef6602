"""Runs one piece of work in a thread of its own, and restarts it alone when it fails."""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from hardware.driver import DeviceAway, DeviceError

log = logging.getLogger(__name__)

Work = Callable[[threading.Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long work that failed waits before it is tried again.

    The wait doubles from `retry_delay_s_min` to `retry_delay_s_max`, half of it by chance, so that
    the cameras of a hall do not come back in one moment. Work that went well for
    `recovered_after_s` begins anew with the shortest. A device that is away is looked for every
    `away_s`, however long it stays away.
    """

    retry_delay_s_min: float = 0.2
    retry_delay_s_max: float = 30.0
    recovered_after_s: float = 60.0
    away_s: float = 0.25


def retry_delay_s(failures: int, delays: Delays, chance: float) -> float:
    """Return the wait after so many failures in a row; `chance` is from 0 to 1."""
    doubled: float = delays.retry_delay_s_min * 2 ** min(failures - 1, 30)
    longest = min(doubled, delays.retry_delay_s_max)
    return longest * (0.5 + chance / 2)


@dataclass(frozen=True, slots=True)
class _Ending:
    """How an attempt at the work ended; without a reason when it came to its end."""

    reason: str
    away: bool = False
    mistake: bool = False


_WELL = _Ending("")


class Supervised:
    """A thread that does its work until it is told to stop, whatever happens to the work.

    Guarantees:
    - `work` is given an event and returns soon after that is set; when it raises, `on_failed` is
      told the reason and the work begins again after a delay, in the same thread;
    - the same holds when `on_failed` itself fails;
    - a mistake in the program is logged once with its trace, however often it repeats; a device
      that fails is not: whoever is told says so;
    - nothing that happens here touches the threads of other work.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        *,
        on_failed: Callable[[str], None],
        delays: Delays | None = None,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._work = work
        self._on_failed = on_failed
        self._delays = delays or Delays()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start, and return at once."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Tell whether the work is being done, or waits to begin again."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask the work to end; see `join`."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False when the work does not come back, and is left to itself."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures, last = 0, _WELL
        while not self._stop.is_set():
            began = time.monotonic()
            last = self._attempt(repeated=last.mistake)
            if time.monotonic() - began >= self._delays.recovered_after_s:
                failures = 0
            if not last.reason or self._stop.is_set():
                break
            self.restarts += 1
            if last.away:
                self._stop.wait(self._delays.away_s)
                continue
            failures += 1
            # Restarting is no matter of security: any generator will do.
            delay_s = retry_delay_s(failures, self._delays, random.random())  # noqa: S311
            self._stop.wait(delay_s)

    def _attempt(self, *, repeated: bool) -> _Ending:
        """Do the work once, and return how it ended."""
        ending = self._guarded(lambda: self._work(self._stop), repeated=repeated)
        if not ending.reason or self._stop.is_set():
            return ending
        told = self._guarded(lambda: self._on_failed(ending.reason), repeated=repeated)
        return replace(ending, mistake=ending.mistake or told.mistake)

    def _guarded(self, call: Callable[[], None], *, repeated: bool) -> _Ending:
        """Call, and return how that ended."""
        try:
            call()
        except DeviceAway as error:
            return _Ending(str(error), away=True)
        except DeviceError as error:
            return _Ending(str(error))
        # The one broad except of the project: a driver is other people's code, and a mistake in
        # one device must not stop the till beside it. It is logged with its whole trace.
        except Exception as error:
            if not repeated:
                log.exception("%s failed by a mistake in the program", self.name)
            return _Ending(f"{type(error).__name__} in the program; see the log", mistake=True)
        return _WELL
