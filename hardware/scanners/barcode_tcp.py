"""A scanner in the network: lines of bytes over TCP, which it sends to us or we fetch from it."""

import ipaddress
import select
import socket
import time
from collections.abc import Sequence
from typing import Literal

import msgspec

from hardware.clock import mono_ms
from hardware.driver import Act, ActResult, DeviceAway, DeviceError, cannot_act
from hardware.readings import CodeReading, DeviceCondition, HealthReading, Reading
from hardware.scanners.clarity import Clarity
from hardware.scanners.cutter import LineSplitter

READ_BYTES_MAX = 4_096
CONNECT_S_MAX = 0.5
# Scanners that may be connected at once; a further one takes the place of the longest silent.
CONNECTIONS_MAX = 8
# So long nobody need be connected before it is said.
LONELY_S = 1.0
# A network repeats what was lost for longer than a cable pauses.
CUT_OFF_S = 5.0
GAP_MS_DEFAULT = 100
# An end that vanished without a word is asked for every second, and given up after four.
KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)

Address = tuple[str, int]


class BarcodeTcpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `barcode-tcp`.

    Either we `connect` to the scanner (`10.0.0.7:2001`), or we `listen` (`0.0.0.0:2001`) and it
    connects to us: then `allow` names the addresses or networks from which it may, and `held` says
    whether it keeps its connection (false: it connects for each scan). `suffix` is what ends a
    scan: a `line` end, or with `none` that nothing came for `gap_ms` or that it hung up.
    """

    connect: str = ""
    listen: str = ""
    allow: tuple[str, ...] = ()
    held: bool = True
    suffix: Literal["line", "none"] = "line"
    gap_ms: int = GAP_MS_DEFAULT

    def __post_init__(self) -> None:
        if bool(self.connect) == bool(self.listen):
            raise ValueError("connect, listen: expects one of them")
        address_of(self.connect or self.listen)
        if self.listen and not self.allow:
            raise ValueError("allow: expects the address or network from which scanners connect")
        networks_of(self.allow)
        if not 20 <= self.gap_ms <= 2_000:
            raise ValueError("gap_ms: expects 20 to 2,000 ms")


def address_of(text: str) -> Address:
    """Return host and port of an address such as `10.0.0.7:2001` or `[fd00::7]:2001`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"connect, listen: {text!r} is not of the form 10.0.0.7:2001")
    return host.removeprefix("[").removesuffix("]"), int(port)


def networks_of(
    texts: Sequence[str],
) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return addresses and networks such as `10.0.0.7` and `10.0.0.0/24`."""
    try:
        return [ipaddress.ip_network(text, strict=False) for text in texts]
    except ValueError as error:
        raise ValueError(f"allow: {error}") from error


class _Line:
    """One connection and what came of its next code; scans of two connections never mix."""

    def __init__(self, connection: socket.socket, *, by_pause: bool) -> None:
        connection.setblocking(False)
        for level, option, value in KEEP_ALIVE:
            connection.setsockopt(level, option, value)
        self.connection = connection
        self.splitter = LineSplitter(by_pause=by_pause)
        self.heard_s = time.monotonic()
        self.paused = True


class BarcodeTcp:
    """The driver `barcode-tcp`.

    What came before a connection was lost is read; what came only in part is never joined with
    what comes over the next. A connection whose other end vanished is noticed within 5 s.
    """

    def __init__(self, options: BarcodeTcpOptions) -> None:
        self._options = options
        self._address = address_of(options.connect or options.listen)
        self._allowed = networks_of(options.allow)
        self._by_pause = options.suffix == "none"
        self._quiet_s = options.gap_ms / 1_000 if self._by_pause else CUT_OFF_S
        self._poll = select.poll()
        self._lines: dict[int, _Line] = {}
        self._listener: socket.socket | None = None
        self._clarity = Clarity()
        self._refused = 0
        self._lonely_since_s = 0.0
        self._lonely = False
        self._ended = "it is not open"

    def open(self) -> None:
        """Connect, or begin to listen; raises DeviceAway when that is not possible now."""
        self.close()
        self._clarity, self._refused, self._lonely = Clarity(), 0, False
        self._lonely_since_s = time.monotonic()
        try:
            if self._options.connect:
                self._add(socket.create_connection(self._address, timeout=CONNECT_S_MAX))
            else:
                self._listen()
        except OSError as error:
            raise self._unavailable(error) from error

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Return the codes that are complete, and whether a scanner is connected and clear."""
        if self._listener is None and not self._lines:
            raise DeviceAway(
                f"the scanner at tcp://{self._options.connect} was lost: {self._ended}"
            )
        readings: list[Reading] = []
        ready = [file for file, _ in self._poll.poll(self._wait_s(timeout_s) * 1_000)]
        for file in ready:
            if file in self._lines:
                readings += self._receive(self._lines[file])
            elif self._listener is not None and file == self._listener.fileno():
                self._accept(self._listener)
        for line in [each for file, each in self._lines.items() if file not in ready]:
            if not line.paused and time.monotonic() - line.heard_s >= self._quiet_s:
                line.paused = True
                readings += self._take(line.splitter.quiet())
        return readings + self._presence()

    def act(self, act: Act) -> ActResult:
        """Say that this scanner only reads."""
        return cannot_act(act)

    def close(self) -> None:
        """Hang up."""
        for line in tuple(self._lines.values()):
            self._drop(line)
        if self._listener is not None:
            self._poll.unregister(self._listener)
            self._listener.close()
        self._listener = None

    def _listen(self) -> None:
        host, _ = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server(self._address, family=family)
        self._listener.setblocking(False)
        self._poll.register(self._listener, select.POLLIN)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, peer = listener.accept()
        except OSError:
            return  # it has hung up already
        address = ipaddress.ip_address(peer[0].partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        if not any(mapped in network for network in self._allowed):
            connection.close()
            return
        if len(self._lines) >= CONNECTIONS_MAX:
            self._drop(min(self._lines.values(), key=lambda line: line.heard_s))
        self._add(connection)

    def _add(self, connection: socket.socket) -> None:
        self._lines[connection.fileno()] = _Line(connection, by_pause=self._by_pause)
        self._poll.register(connection, select.POLLIN)

    def _receive(self, line: _Line) -> list[Reading]:
        try:
            received = line.connection.recv(READ_BYTES_MAX)
        except BlockingIOError:
            return []
        except OSError as error:
            self._ended = str(error.strerror)
            self._drop(line)
            return []
        line.heard_s, line.paused = time.monotonic(), False
        if received:
            return self._take(line.splitter.feed(received))
        self._ended = "it hung up"
        codes = self._take(line.splitter.quiet())
        self._drop(line)
        return codes

    def _take(self, codes: list[bytes]) -> list[Reading]:
        at_ms = mono_ms()
        readings: list[Reading] = [
            CodeReading(data=code, symbology="", at_mono_ms=at_ms) for code in codes
        ]
        refused = self._refused + sum(each.splitter.refused for each in self._lines.values())
        return readings + self._clarity.judge(len(codes), refused)

    def _drop(self, line: _Line) -> None:
        self._poll.unregister(line.connection)
        del self._lines[line.connection.fileno()]
        line.connection.close()
        self._refused += line.splitter.refused
        self._lonely_since_s = time.monotonic()

    def _wait_s(self, timeout_s: float) -> float:
        """Return how long to wait so that no pause is noticed late."""
        now_s = time.monotonic()
        due_s = [
            line.heard_s + self._quiet_s - now_s for line in self._lines.values() if not line.paused
        ]
        return max(0.0, min([timeout_s, *due_s]))

    def _presence(self) -> list[HealthReading]:
        """Say once that no scanner is connected, and once that one is back."""
        if self._listener is None or not self._options.held:
            return []
        if self._lines:
            return self._turn("ok", "") if self._lonely else []
        if not self._lonely and time.monotonic() - self._lonely_since_s >= LONELY_S:
            return self._turn("failed", "not-connected")
        return []

    def _turn(self, condition: DeviceCondition, reason: str) -> list[HealthReading]:
        self._lonely = condition != "ok"
        return [HealthReading(at_mono_ms=mono_ms(), condition=condition, reason=reason)]

    def _unavailable(self, error: OSError) -> DeviceError:
        because = error.strerror or str(error)
        if self._options.connect:
            return DeviceAway(
                f"the scanner at tcp://{self._options.connect} cannot be reached: {because}; "
                "is it on, and in this network?"
            )
        return DeviceAway(
            f"the address {self._options.listen} cannot be opened for scanners: {because}; "
            "does another program use it?"
        )
