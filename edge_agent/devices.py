"""Runs one device: opens its driver, records what it reads, and says how the device is."""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlite_utils.utils import sqlite3

from edge_agent import acts, attention, reads, scans, states
from edge_agent.acts import Asked
from edge_agent.clock import StoreTime
from edge_agent.losses import Losses
from edge_agent.places import event_at, moment
from edge_agent.recorder import Recorder, RecordError, Writing
from edge_agent.scans import Spot
from edge_agent.seal import NONCE_BYTES
from edge_agent.showings import Showings, show
from edge_agent.translate import Keys, translate
from hardware.driver import ActResult, Driver
from hardware.readings import (
    CodeReading,
    DeviceCondition,
    HealthReading,
    PeopleReading,
    Reading,
)
from wire.events import Acted

READ_TIMEOUT_S = 0.5
# A driver whose `read` has not come back for so long is called failed: it should within a second.
STALLED_S = 10.0
READS_LITTLE = "reads-little"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRules:
    """How one device's codes are read; `held_s` counts for devices that look, such as cameras."""

    keys: Keys
    debounce_s: float = 2.0
    held_s: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What a device needs to run: its driver, where it stands, and into what it records."""

    driver_name: str
    driver: Driver
    spot: Spot
    recorder: Recorder
    clock: StoreTime
    rules: CodeRules


class Device:
    """One device of the store, run by one thread.

    Guarantees:
    - every reading is one transaction with everything that follows from it; one that the disk or
      a full outbox refuses is counted in `losses`, and the device reads on;
    - the device's state is an event whenever it changes, and a line in the log when a fault begins
      and when it ends.
    """

    def __init__(self, equipment: Equipment) -> None:
        self.equipment = equipment
        self.name = equipment.spot.place.device
        self.losses = Losses()
        self._showings = Showings()
        self._open = False
        self._beat: float | None = None
        self._stalled = False
        self._state: tuple[DeviceCondition, str] | None = None
        self._noting = threading.Lock()
        self._reads_little = False

    @property
    def is_open(self) -> bool:
        """Tell whether the device is in use."""
        return self._open

    def run(self, stop: threading.Event) -> None:
        """Open the device and record what it reads until told to stop; raises DeviceError."""
        self._beat = time.monotonic()
        driver = self.equipment.driver
        try:
            driver.open()
            self._open = True
            self._note("ok")
            while not stop.is_set():
                self._beat = time.monotonic()
                if self._stalled:
                    self._stalled = False
                    self._note("ok")
                for reading in driver.read(READ_TIMEOUT_S):
                    self._take(reading)
        finally:
            self._open = False
            self._beat = None
            driver.close()

    def failed(self, reason: str) -> None:
        """Note that the device was lost, with the reason."""
        self._note("failed", reason)

    def watch(self, at_mono_s: float) -> None:
        """Note once that the device does not come back from opening or reading."""
        beat = self._beat
        if beat is not None and not self._stalled and at_mono_s - beat > STALLED_S:
            self._stalled = True
            self._note("failed", "stalled")

    def judge(self, *, reads_little: bool) -> None:
        """Note whether the device reads far less than it usually does at this hour.

        That matters only where nothing else is wrong with it.
        """
        self._reads_little = reads_little
        if self._state in {("ok", ""), ("degraded", READS_LITTLE)}:
            self._note("ok")

    def perform(self, connection: Callable[[], sqlite3.Connection], stop: threading.Event) -> None:
        """Do what the device is asked for, each act once, until told to stop.

        For a thread beside that of `run`. An act under way when the program is killed is done
        again after its restart, unless it is too late by then.
        """
        bell, last = self.equipment.recorder.doorbell, 0
        while not stop.is_set():
            seen = bell.count
            for asked in acts.waiting(connection(), self.name, after=last):
                last = asked.number
                self._perform(asked)
                if stop.is_set():
                    return
            bell.wait(seen, READ_TIMEOUT_S)

    def _perform(self, asked: Asked) -> None:
        """Do one act, and record how it ended."""
        if asked.is_late(self.equipment.clock.now().at):
            result = ActResult(succeeded=False, reason="the device came to it too late")
        elif not self._open:
            result = ActResult(succeeded=False, reason="the device is not open")
        else:
            result = self.equipment.driver.act(asked.act)
        body = Acted(
            act=asked.act.name,
            succeeded=result.succeeded,
            reason=result.reason[: states.REASON_CHARACTERS_MAX],
        )
        instant = self.equipment.clock.now()

        def change(writing: Writing) -> None:
            acts.done(writing, asked.number)
            writing.append(event_at(self.equipment.spot.place, instant, body))

        self._record(change)

    def _take(self, reading: Reading) -> None:
        match reading:
            case CodeReading():
                self._take_code(reading)
            case PeopleReading():
                now, equipment = self.equipment.clock.now(), self.equipment
                self._record(lambda w: attention.take(w, now, equipment.spot.place, reading))
            case HealthReading():
                self._note(reading.condition, reading.reason, reading.figures)

    def _take_code(self, reading: CodeReading) -> None:
        equipment, rules = self.equipment, self.equipment.rules
        self._showings, showing = show(
            self._showings,
            reading.data,
            reading.at_mono_ms,
            held_s=0.0 if reading.quad is None else rules.held_s,
            debounce_s=rules.debounce_s,
        )
        if showing == "held":
            return
        instant = moment(equipment.clock.now(), reading.at_mono_ms)
        if showing == "again":
            self._record(lambda w: scans.repeated(w, instant, equipment.spot))
            return
        translated = translate(reading, rules.keys, nonce=secrets.token_bytes(NONCE_BYTES))

        def change(writing: Writing) -> None:
            reads.add(writing, self.name, instant.at)
            scans.take(writing, instant, equipment.spot, translated)

        self._record(change)

    def _note(
        self,
        condition: DeviceCondition,
        reason: str = "",
        figures: Mapping[str, int] | None = None,
    ) -> None:
        if condition == "ok" and not reason and self._reads_little:
            condition, reason = "degraded", READS_LITTLE
        with self._noting:  # it is also noted by who watches it
            before, self._state = self._state, (condition, reason)
        if before == (condition, reason):
            return
        self._log(before, condition, reason)
        equipment = self.equipment
        instant = equipment.clock.now()
        self._record(
            lambda w: states.note(
                w, instant, equipment.spot.place, equipment.driver_name, condition, reason, figures
            )
        )

    def _log(
        self,
        before: tuple[DeviceCondition, str] | None,
        condition: DeviceCondition,
        reason: str,
    ) -> None:
        if condition != "ok":
            log.warning("device %s is %s: %s", self.name, condition, reason)
        elif before is not None and before[0] != "ok":
            log.warning("device %s is well again", self.name)

    def _record(self, change: Callable[[Writing], object]) -> None:
        try:
            self.equipment.recorder.write(change)
        except RecordError as error:
            if self.losses.add(self.equipment.clock.now().at) == 1:
                log.error("%s: a reading was not recorded: %s", self.name, error)
