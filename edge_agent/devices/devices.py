"""Runs one device: opens its driver, records what it reads, and says how the device is."""

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from edge_agent.clock import StoreTime
from edge_agent.codes import signers
from edge_agent.codes.codes import Fault
from edge_agent.codes.seal import NONCE_BYTES
from edge_agent.codes.translate import Keys, translate, unread
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.losses import Losses
from edge_agent.delivery.recorder import Recorder, RecordError, Writing
from edge_agent.devices import acts, attention, reads, scans, states
from edge_agent.devices.acts import Asked
from edge_agent.devices.floods import Noise, Trigger
from edge_agent.devices.scans import Spot
from edge_agent.devices.showings import Showings, ask_again, next_person, show
from edge_agent.devices.wellness import Wellness
from edge_agent.opening import Opening
from edge_agent.places import event_at, moment
from edge_agent.visits import badges, visits
from edge_agent.visits.answers import Answer
from hardware.clock import mono_ms
from hardware.driver import ActResult, Driver, LateDriver
from hardware.readings import (
    CodeReading,
    DeviceCondition,
    HealthReading,
    PeopleReading,
    Reading,
    UnreadableReading,
)
from wire.events import Acted

READ_TIMEOUT_S = 0.5
# A driver whose `read` has not come back for so long is called failed: it should within a second.
STALLED_S = 10.0
# A device that was lost sooner than this after its opening is called well only when it stays.
STEADY_S = 1.0
# The names of so many posts are known, so that one that is repeated counts once.
POSTS_REMEMBERED = 256
# A state that could not be recorded is tried again after so long.
NOTE_AGAIN_S = 5.0

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRules:
    """How one device's codes are read; `held_s` counts for devices that look, such as cameras.

    `badges` are the codes of staff: nothing is recorded of them but that they were shown.
    `badge_doors` are the zones whose readers stand at a door.
    """

    keys: Keys
    debounce_s: float = 2.0
    held_s: float = 0.6
    badges: frozenset[bytes] = frozenset()
    badge_away_s: float = 60.0
    badge_doors: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What a device needs to run: its driver, where it stands, and into what it records."""

    driver_name: str
    driver: Driver
    spot: Spot
    recorder: Recorder
    clock: StoreTime
    rules: CodeRules
    opening: Opening = attention.ALWAYS


class Device:
    """One device of the store, run by one thread.

    Guarantees:
    - every reading is one transaction with everything that follows from it; one that the disk or
      a full outbox refuses is counted in `losses`, and the device reads on;
    - the device's state is an event whenever it changes.
    """

    def __init__(self, equipment: Equipment) -> None:
        self.equipment = equipment
        self.name = equipment.spot.place.device
        self.losses = Losses()
        self.codes_read = 0
        self._badges: dict[bytes, int] = {}  # rows by badge, in memory alone
        self._showings = Showings()
        self._trigger, self._noise = Trigger(), Noise()
        self._taking = threading.Lock()
        self._posted: deque[str] = deque(maxlen=POSTS_REMEMBERED)
        self._wellness = Wellness(self.name)
        self._noting = threading.Lock()
        self._said: _State | None = None
        self._owed: _State | None = None
        self._owed_since_s = 0.0
        self._open = False
        self._unsteady = False
        self._reads_little = False
        self._beat: float | None = None
        self._stalled = False

    @property
    def is_open(self) -> bool:
        """Tell whether the device is in use."""
        return self._open

    def run(self, stop: threading.Event) -> None:
        """Open the device and record what it reads until told to stop; raises DeviceError."""
        self._beat = began_s = time.monotonic()
        driver = self.equipment.driver
        try:
            driver.open()
            self._open = True
            is_late = isinstance(driver, LateDriver) and driver.is_late
            if not self._unsteady and not is_late:
                self._say(_State("ok"))
            while not stop.is_set():
                self._beat = time.monotonic()
                self._stalled = False
                if self._unsteady and self._beat - began_s >= STEADY_S:
                    self._unsteady = False
                    if not is_late:
                        self._say(_State("ok"))
                self._calm()
                for reading in driver.read(READ_TIMEOUT_S):
                    with self._taking:
                        self._take(reading)
        finally:
            if self._open:
                self._unsteady = time.monotonic() - began_s < STEADY_S
            self._open = False
            self._beat = None
            self._stalled = False
            driver.close()

    def post(self, code: bytes, once: str = "") -> None:
        """Take a code that was handed over, and return once it is recorded.

        For devices that others post to, from any thread. Raises RecordError when it was not. One
        that is named `once` counts once, however often it is posted, among POSTS_REMEMBERED.
        """
        with self._taking:
            if once and once in self._posted:
                return
            before = self.losses.count
            self._take(CodeReading(data=code, symbology="", at_mono_ms=mono_ms()))
            if self.losses.count > before:
                raise RecordError("the code was not recorded; scan it again later")
            self._posted.append(once)

    def refuse(self, fault: Fault) -> None:
        """Take that something was handed over in which there is no code to be read.

        Returns once it is recorded and answered; raises RecordError when it was not.
        """
        with self._taking:
            before = self.losses.count
            self._take_unread(fault, mono_ms())
            if self.losses.count > before:
                raise RecordError("what was shown was not recorded; show the code again later")

    def failed(self, reason: str) -> None:
        """Note that the device was lost, with the reason."""
        self._say(_State("failed", reason))

    def watch(self, at_mono_s: float) -> None:
        """Note once that the device does not come back from opening or reading."""
        beat = self._beat
        if beat is not None and not self._stalled and at_mono_s - beat > STALLED_S:
            self._stalled = True
            self._note_now()

    def judge(self, *, reads_little: bool) -> None:
        """Take whether the device reads far less than it usually does at this hour.

        That is said of it only where nothing else is wrong.
        """
        self._reads_little = reads_little

    def perform(self, connection: Callable[[], sqlite3.Connection], stop: threading.Event) -> None:
        """Do what the device is asked for, each act once, until told to stop.

        For a thread beside that of `run`. The acts of an answer that are under way when the program
        is killed are done again after its restart, unless it is too late by then.
        """
        bell, last = self.equipment.recorder.doorbell, 0
        while not stop.is_set():
            seen = bell.count
            waiting = acts.waiting(connection(), self.name, after=last)
            for _, answer in groupby(waiting, key=lambda asked: asked.asked_at):
                together = tuple(answer)
                last = together[-1].number
                self._perform(together)
                if stop.is_set():
                    return
            bell.wait(seen, READ_TIMEOUT_S)

    def _perform(self, together: Sequence[Asked]) -> None:
        """Do the acts of one answer, and record how they ended: no sound waits for the disk."""
        bodies = [self._act(asked) for asked in together]
        instant = self.equipment.clock.now()

        def change(writing: Writing) -> None:
            for asked, body in zip(together, bodies, strict=True):
                acts.done(writing, asked.number)
                writing.append(event_at(self.equipment.spot.place, instant, body))

        self._record(change)

    def _act(self, asked: Asked) -> Acted:
        """Do one act, and return how it ended."""
        if asked.is_late(self.equipment.clock.now().at):
            result = ActResult(succeeded=False, reason="the device came to it too late")
        elif not self._open:
            result = ActResult(succeeded=False, reason="the device is not open")
        else:
            result = self.equipment.driver.act(asked.act)
        return Acted(
            act=asked.act.name,
            succeeded=result.succeeded,
            reason=result.reason[: states.REASON_CHARACTERS_MAX],
        )

    def _take(self, reading: Reading) -> None:
        match reading:
            case CodeReading():
                self.codes_read += 1
                looks = reading.quad is not None  # and reads what is held there in every frame
                if looks or not self._trigger.pull(reading.data, reading.at_mono_ms):
                    self._take_code(reading)
            case PeopleReading():
                now, equipment = self.equipment.clock.now(), self.equipment
                place, opening = equipment.spot.place, equipment.opening
                self._record(lambda w: attention.take(w, now, place, reading, opening))
            case UnreadableReading():
                self._take_unread("unreadable_image", reading.at_mono_ms)
            case HealthReading():
                self._say(_State(reading.condition, reading.reason, reading.figures))

    def _take_code(self, reading: CodeReading) -> None:
        equipment, rules = self.equipment, self.equipment.rules
        self._showings, showing = show(
            self._showings,
            reading.data,
            reading.at_mono_ms,
            held_s=0.0 if reading.quad is None else rules.held_s,
            debounce_s=rules.debounce_s,
            sure=reading.sure,
        )
        if showing == "held":
            return
        instant = moment(equipment.clock.now(), reading.at_mono_ms)
        if showing == "again":
            self._record(lambda w: scans.repeated(w, instant, equipment.spot))
            return
        if reading.sure and reading.data in rules.badges:
            zone, away_us = equipment.spot.place.zone, round(rules.badge_away_s * 1_000_000)
            door = zone in rules.badge_doors
            before = self._badges.get(reading.data, 0)
            row = self._record(
                lambda w: badges.show(w, zone, instant.at, away_us, door=door, again=before)
            )
            self._badges[reading.data] = row or 0
            return
        nonce = secrets.token_bytes(NONCE_BYTES)

        flooded = False

        def take(writing: Writing) -> tuple[Answer | None, bool]:
            nonlocal flooded
            keys = signers.with_sent(writing.connection, rules.keys)
            translated = translate(reading, keys, nonce=nonce)
            if translated.code.kind == "unknown" and self._noise.hear(reading.at_mono_ms):
                flooded = True
                return None, False
            reads.add(writing, self.name, instant.at)
            before = self._visit(writing)
            answer = scans.take(
                writing, instant, equipment.spot, translated, confirmed=showing == "asked"
            )
            after = self._visit(writing)
            return answer, after is not None and before not in {None, after}

        answer, another_member = self._record(take) or (None, False)
        if flooded:
            self._lose("a flood of codes that nobody knows")
        if answer is not None and answer.kind == "uncertain":
            self._showings = ask_again(self._showings, reading.data, sure=reading.sure)
        if another_member:
            self._showings = next_person(self._showings, reading.at_mono_ms, held_s=rules.held_s)

    def _take_unread(self, fault: Fault, at_mono_ms: int) -> None:
        equipment = self.equipment
        if self._noise.hear(at_mono_ms):
            self._lose("a flood of what cannot be read")
            return
        instant = moment(equipment.clock.now(), at_mono_ms)
        self._record(lambda w: scans.take(w, instant, equipment.spot, unread(fault)))

    def _visit(self, writing: Writing) -> bytes | None:
        """Return the visit that goes on where this device reads codes."""
        kiosk = self.equipment.spot.kiosk
        visit = None if kiosk is None else visits.current(writing.connection, kiosk.device)
        return None if visit is None else visit.visit

    def _say(self, state: "_State") -> None:
        """Take what the driver says of the device, and note how it is."""
        self._said = state
        self._note_now()

    def _calm(self) -> None:
        """Note what began or ended meanwhile, and what could not be noted before."""
        self._note_now()
        with self._noting:
            if self._owed is not None and time.monotonic() - self._owed_since_s > NOTE_AGAIN_S:
                self._note(self._owed)

    def _note_now(self) -> None:
        at_ms, state = mono_ms(), _STALLED if self._stalled else self._said
        if state is None:
            return
        if state.condition == "ok" and self._trigger.is_stuck(at_ms):
            state = _State("degraded", "stuck-trigger")
        elif state.condition == "ok" and self._noise.is_loud(at_ms):
            state = _State("degraded", "garbage")
        elif state.condition == "ok" and self._reads_little:
            state = _State("degraded", "reads-little")
        with self._noting:
            if self._wellness.turn(state.condition, state.reason, time.monotonic()):
                self._note(state)

    def _note(self, state: "_State") -> None:
        equipment = self.equipment
        instant = equipment.clock.now()

        def note(writing: Writing) -> bool:
            states.note(
                writing,
                instant,
                equipment.spot.place,
                equipment.driver_name,
                state.condition,
                state.reason,
                state.figures,
            )
            return True

        noted = self._record(note)
        self._owed, self._owed_since_s = None if noted else state, time.monotonic()

    def _record(self, change: Callable[[Writing], T]) -> T | None:
        """Write a change; what the disk or a full outbox refuses is counted, and None."""
        try:
            return self.equipment.recorder.write(change)
        except RecordError as error:
            self._lose(str(error))
            return None

    def _lose(self, why: str) -> None:
        if self.losses.add(self.equipment.clock.now().at) == 1:
            log.error("%s: a reading was not recorded: %s", self.name, why)


@dataclass(frozen=True, slots=True)
class _State:
    """How a device is."""

    condition: DeviceCondition
    reason: str = ""
    figures: Mapping[str, int] | None = None


_STALLED = _State("failed", "stalled")
