"""A scanner whose codes are handed to the store's own address: by a page, or by HTTP."""

import threading
from collections.abc import Sequence

import msgspec

from hardware.driver import Act, ActResult, cannot_act
from hardware.readings import Reading

TOKEN_CHARACTERS_MIN = 20


class BarcodeHttpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `barcode-http`: the `token` that each post must carry."""

    token: str

    def __post_init__(self) -> None:
        if len(self.token) < TOKEN_CHARACTERS_MIN or not self.token.isascii():
            raise ValueError(f"token: expects at least {TOKEN_CHARACTERS_MIN} ASCII characters")


class BarcodePageOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The driver `barcode-page` has no options: its kiosk's page posts what is typed there."""


class PostedScanner:
    """The drivers `barcode-http` and `barcode-page`: nothing to open, and nothing to wait for.

    Whoever runs the device records what was posted, and answers the post when that is done.
    """

    def __init__(self, token: str = "") -> None:
        self.token = token

    def open(self) -> None:
        """Do nothing: the address is there as long as the store's program is."""

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Wait: what is posted does not come this way."""
        threading.Event().wait(timeout_s)
        return []

    def act(self, act: Act) -> ActResult:
        """Say that this scanner only reads."""
        return cannot_act(act)

    def close(self) -> None:
        """Do nothing."""
