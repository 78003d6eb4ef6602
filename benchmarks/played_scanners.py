"""Scanners played on real files and sockets: plugged in, typed or sent on, and pulled out again.

A keyboard is a pipe that carries Linux's input events, a serial line a pseudo-terminal behind a
link that is numbered anew each time, a network scanner a socket of its own.
"""

import array
import fcntl
import itertools
import os
import select
import socket
import termios
import time
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hardware.scanners.barcode_keyboard import TAIL_S
from hardware.scanners.key_strokes import ALT_GR, EV_KEY, EV_SYN, EVENT, KEY_DOWN, KEY_UP
from hardware.scanners.layouts import ALONE, LAYOUTS

Stroke = tuple[int, int, int]
ENTER, SHIFT, CONTROL, RIGHT_BRACKET = 28, 42, 29, 27
# linux/input-event-codes.h; the page of the HID usages that a USB keyboard's keys have.
EV_MSC, MSC_SCAN, HID_KEYBOARD = 4, 4, 0x70000
WAIT_S = 20.0


class PlayedScanner(Protocol):
    """A scanner that is plugged in, scans, and is pulled out."""

    def plug(self) -> None:
        """Plug it in, and return when the store has taken it into use."""

    def scan(self, code: str) -> None:
        """Scan a code; returns when it has left the scanner whole."""

    def scan_part(self, code: str) -> None:
        """Send the beginning of a scan, as of one that is cut off."""

    def settle(self) -> None:
        """Wait until what was scanned can no longer be lost by pulling it out."""

    def unplug(self) -> None:
        """Pull it out."""


def strokes_of(letter: str, layout: str = "us") -> list[Stroke]:
    """Return the strokes with which a scanner types a letter; GS is Ctrl-]."""
    keys = LAYOUTS[layout]
    if letter == "\x1d":
        return _pressed(RIGHT_BRACKET, CONTROL)
    for level, held in ((keys.plain, 0), (keys.shifted, SHIFT), (keys.third, ALT_GR)):
        for key, typed in level.items():
            if typed == letter:
                return _pressed(key, held)
            if ALONE.get(typed) == letter:
                return [*_pressed(key, held), *strokes_of(" ", layout)]
    raise ValueError(f"{letter!r} is on no key of {layout}")


def typed(text: str, layout: str = "us", end: int = ENTER) -> list[Stroke]:
    """Return the strokes of a scanner that types the text and a key that ends it."""
    letters = [stroke for letter in text for stroke in strokes_of(letter, layout)]
    return letters + (_pressed(end, 0) if end else [])


def events_of(strokes: list[Stroke]) -> bytes:
    """Return strokes as the kernel hands them out."""
    return b"".join(EVENT.pack(0, 0, *stroke) for stroke in strokes)


def _pressed(key: int, held: int) -> list[Stroke]:
    """Return a key pressed and let go while another is held, 0 for none."""
    pressed = [*_moved(key, KEY_DOWN), *_moved(key, KEY_UP)]
    return [*_moved(held, KEY_DOWN), *pressed, *_moved(held, KEY_UP)] if held else pressed


def _moved(key: int, value: int) -> list[Stroke]:
    """Return what a USB keyboard reports of a key: its number, the key, and that this is all."""
    return [(EV_MSC, MSC_SCAN, HID_KEYBOARD | key), (EV_KEY, key, value), (EV_SYN, 0, 0)]


class PlayedKeyboard:
    """A scanner that types: `path` is its place by the socket it is plugged into."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "by-path-usb-event-kbd"
        self._folder = folder
        self._numbers = itertools.count(3)
        self._device = folder / "none"
        self._file = -1

    def plug(self) -> None:
        """Plug it in, and return when the store has taken it into use."""
        self.appear()
        until_s = time.monotonic() + WAIT_S
        while self._file < 0:
            try:
                self._file = os.open(self._device, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads it yet
                _wait(until_s)
        os.set_blocking(self._file, True)
        time.sleep(TAIL_S * 2)  # a scanner that was just plugged in needs longer to be ready

    def appear(self) -> None:
        """Be there, without waiting for anybody."""
        self._device = self._folder / f"event{next(self._numbers)}"
        os.mkfifo(self._device)
        self.path.symlink_to(self._device)

    def scan(self, code: str) -> None:
        """Scan a code."""
        self.send(typed(code))

    def scan_part(self, code: str) -> None:
        """Send the beginning of a scan."""
        self.send(typed(code, end=0))

    def send(self, strokes: list[Stroke]) -> None:
        """Send what the scanner says."""
        os.write(self._file, events_of(strokes))

    def settle(self) -> None:
        """Do nothing: what was sent is not lost when it goes."""

    def unplug(self) -> None:
        """Pull it out."""
        self.path.unlink()
        self._device.unlink()
        os.close(self._file)
        self._file = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedPort:
    """A serial port as pyserial lists it."""

    device: str
    vid: int | None = 0x05E0
    pid: int | None = 0x1701
    serial_number: str | None = "S21"


def a_line() -> tuple[int, str]:
    """Return the far end of a serial line that changes no byte, and the path of the near one."""
    far, near = os.openpty()
    tty.setraw(near)
    path = os.ttyname(near)
    os.close(near)
    return far, path


class PlayedSerial:
    """A scanner on a serial line that gets another number each time it is plugged in.

    `port` is its link by what it is; `ports` lists what is plugged in, as pyserial does.
    """

    def __init__(self, folder: Path, serial_number: str = "S21") -> None:
        self.port = folder / "by-id-scanner"
        self.serial_number = serial_number
        self._folder = folder
        self._numbers = itertools.cycle((0, 3, 1))
        self._device = folder / "none"
        self._far = -1
        self._line = ""

    def plug(self) -> None:
        """Plug it in, and return when the store has taken it into use."""
        self.appear()
        until_s = time.monotonic() + WAIT_S
        poll = select.poll()
        poll.register(self._far, 0)
        while poll.poll(0):  # it hangs up while nobody has the other end
            _wait(until_s)

    def appear(self) -> None:
        """Be there, without waiting for anybody."""
        self._far, self._line = a_line()
        self._device = self._folder / f"ttyACM{next(self._numbers)}"
        self._device.symlink_to(self._line)
        self.port.symlink_to(self._device)

    def ports(self) -> list[PlayedPort]:
        """List what is plugged in, as pyserial does."""
        there = self._device.is_symlink()
        other = PlayedPort(device="/dev/ttyS0", vid=None, pid=None, serial_number=None)
        ours = PlayedPort(device=str(self._device), serial_number=self.serial_number)
        return [other, ours] if there else [other]

    def scan(self, code: str) -> None:
        """Scan a code."""
        self.send(code.encode() + b"\r\n")

    def scan_part(self, code: str) -> None:
        """Send the beginning of a scan."""
        self.send(code.encode())

    def send(self, sent: bytes) -> None:
        """Send what the scanner says."""
        os.write(self._far, sent)

    def settle(self) -> None:
        """Wait until the kernel holds nothing of it any more."""
        near = os.open(self._line, os.O_RDONLY | os.O_NOCTTY)
        _wait_for_kernel(near, termios.FIONREAD)
        os.close(near)

    def unplug(self) -> None:
        """Pull it out."""
        self.port.unlink()
        self._device.unlink()
        os.close(self._far)
        self._far = -1


class PlayedCaller:
    """A network scanner that connects to the store."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._line: socket.socket | None = None

    def plug(self) -> None:
        """Plug it in, and return when the store has taken it into use."""
        until_s = time.monotonic() + WAIT_S
        while self._line is None:
            try:
                self.connect()
            except OSError:
                _wait(until_s)

    def connect(self) -> None:
        """Connect anew, whatever became of the connection before."""
        self._line = socket.create_connection(self._address, timeout=WAIT_S)
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def scan(self, code: str) -> None:
        """Scan a code."""
        self.send(code.encode() + b"\r")

    def scan_part(self, code: str) -> None:
        """Send the beginning of a scan."""
        self.send(code.encode())

    def send(self, sent: bytes) -> None:
        """Send what the scanner says."""
        assert self._line is not None
        self._line.sendall(sent)

    def settle(self) -> None:
        """Wait until what was sent has reached the store's computer."""
        assert self._line is not None
        _wait_for_kernel(self._line.fileno(), termios.TIOCOUTQ)

    def unplug(self) -> None:
        """Pull it out."""
        assert self._line is not None
        _cut(self._line)
        self._line = None


class PlayedCalled:
    """A network scanner to which the store connects, at `address`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._listener.close()
        self._line: socket.socket | None = None

    def plug(self) -> None:
        """Plug it in, and return when the store has taken it into use."""
        self.listen()
        self.accept()

    def listen(self) -> None:
        """Be there, without waiting for anybody."""
        host, _, port = self.address.rpartition(":")
        self._listener = socket.create_server((host, int(port)))
        self._listener.settimeout(WAIT_S)

    def accept(self) -> None:
        """Wait for the store to connect, whatever became of the connection before."""
        self._line, _ = self._listener.accept()
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def scan(self, code: str) -> None:
        """Scan a code."""
        self.send(code.encode() + b"\r")

    def scan_part(self, code: str) -> None:
        """Send the beginning of a scan."""
        self.send(code.encode())

    def send(self, sent: bytes) -> None:
        """Send what the scanner says."""
        assert self._line is not None
        self._line.sendall(sent)

    def settle(self) -> None:
        """Wait until what was sent has reached the store's computer."""
        assert self._line is not None
        _wait_for_kernel(self._line.fileno(), termios.TIOCOUTQ)

    def unplug(self) -> None:
        """Pull it out."""
        assert self._line is not None
        self._listener.close()
        _cut(self._line)
        self._line = None


def _cut(line: socket.socket) -> None:
    """End a connection without a farewell, as a scanner does whose program is killed."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    line.close()


def _wait_for_kernel(file: int, what: int) -> None:
    """Wait until the kernel holds no more bytes of a file."""
    until_s = time.monotonic() + WAIT_S
    waiting = array.array("i", [1])
    while waiting[0]:
        _wait(until_s)
        fcntl.ioctl(file, what, waiting)


def _wait(until_s: float) -> None:
    if time.monotonic() > until_s:
        raise TimeoutError(f"the store did not take the scanner into use within {WAIT_S:g} s")
    time.sleep(0.002)
