"""Cuts what a scanner sends into codes: whole ones only, in bounded memory."""

from typing import Protocol

from hardware.readings import CODE_BYTES_MAX


class Cutter(Protocol):
    """What tells one scan from the next; pure. A new one is made each time a scanner is opened."""

    @property
    def refused(self) -> int:
        """Return how many scans were left out, since they were too long or came only in part."""

    def feed(self, received: bytes) -> list[bytes]:
        """Take what was received, and return the codes that are now complete."""

    def quiet(self) -> list[bytes]:
        """Note that the scanner paused; return the code that this completes, if it does."""


class Pieces:
    """The bytes of one code while they come in; those of one that was spoiled are left out whole.

    More than CODE_BYTES_MAX bytes are noise, and spoil it.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._spoiled = False
        self.refused = 0

    def __len__(self) -> int:
        return len(self._bytes)

    def add(self, part: bytes) -> None:
        """Take the next bytes of the code."""
        if not self._spoiled:
            self._bytes += part
        if len(self._bytes) > CODE_BYTES_MAX:
            self.spoil()

    def spoil(self) -> None:
        """Note that the code is not what the scanner read: some of it was lost."""
        self._spoiled = True
        self._bytes.clear()

    def end(self) -> list[bytes]:
        """Return the code, if there is one, and begin with the next."""
        code, spoiled = bytes(self._bytes), self._spoiled
        self._bytes.clear()
        self._spoiled = False
        self.refused += spoiled
        return [code] if code else []

    def drop(self) -> None:
        """Leave out what came of a code whose rest does not come any more."""
        if self._bytes:
            self.spoil()
        self.end()


class LineSplitter:
    """The cutter of serial and network scanners: a code ends with CR, LF or both.

    With `by_pause` nothing in the bytes ends a code: a pause does. Without it a pause shows that a
    scan was cut off, so that its pieces are not glued to the next one.
    """

    def __init__(self, *, by_pause: bool = False) -> None:
        self._pieces = Pieces()
        self._by_pause = by_pause

    @property
    def refused(self) -> int:
        """Return how many scans were left out."""
        return self._pieces.refused

    def feed(self, received: bytes) -> list[bytes]:
        """Take what was received, and return the lines that are now complete and not empty."""
        if self._by_pause:
            self._pieces.add(received)
            return []
        begun, *ends = received.replace(b"\r", b"\n").split(b"\n")
        self._pieces.add(begun)
        codes: list[bytes] = []
        for part in ends:
            codes += self._pieces.end()
            self._pieces.add(part)
        return codes

    def quiet(self) -> list[bytes]:
        """End the code by the pause, or leave out what was cut off."""
        if self._by_pause:
            return self._pieces.end()
        self._pieces.drop()
        return []
