"""Who may see the staff page: whoever knows the store's PIN, tried a bounded number of times."""

import hmac
import threading
from collections import OrderedDict
from dataclasses import dataclass

from werkzeug.security import check_password_hash

from kiosk_ui.forms import new_nonce, sign

ENTRY_S_MAX = 12 * 3_600
TRIES_MAX = 5
WAIT_S = 60.0
# Addresses remembered at once; the one that tried longest ago goes first.
ADDRESSES_MAX = 1_000
# From all addresses together, so that changing the address does not help to guess.
TRIES_OF_ALL_MAX = 50
EVERYBODY = "everybody"


def new_entry(secret: bytes, now_s: int) -> str:
    """Return the signed value of the cookie that lets a browser in until it is too old."""
    text = f"{now_s}.{new_nonce()}"
    return f"{text}.{sign(secret, 'entry', text)}"


def entry_holds(secret: bytes, entry: str, now_s: int) -> bool:
    """Tell whether a cookie's value is one of ours and not too old."""
    text, _, signature = entry.rpartition(".")
    if not hmac.compare_digest(signature.encode(), sign(secret, "entry", text).encode()):
        return False
    return 0 <= now_s - int(text.partition(".")[0]) <= ENTRY_S_MAX


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    wait_until_ms: int = 0


class PinGate:
    """Checks the PIN, and slows down whoever guesses.

    Guarantees: after TRIES_MAX wrong tries from an address, or TRIES_OF_ALL_MAX from all, none is
    looked at for WAIT_S; a right one forgets the wrong ones before it.
    """

    def __init__(self, pin_hash: str) -> None:
        self._pin_hash = pin_hash
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def wait_s(self, address: str, now_ms: int) -> float:
        """Return how long an address has to wait before its next try, 0 for not at all."""
        with self._lock:
            known = [self._tries.get(each) for each in (address, EVERYBODY)]
        until_ms = max((each.wait_until_ms for each in known if each), default=0)
        return max(0.0, (until_ms - now_ms) / 1_000)

    def enter(self, address: str, pin: str, now_ms: int) -> bool:
        """Tell whether the PIN is right; a wrong one is counted."""
        if not self._pin_hash or self.wait_s(address, now_ms) > 0:
            return False
        # Counted before the slow comparison, so that many at once do not slip through.
        with self._lock:
            self._count(address, TRIES_MAX, now_ms)
            self._count(EVERYBODY, TRIES_OF_ALL_MAX, now_ms)
        right = check_password_hash(self._pin_hash, pin)
        if right:
            with self._lock:
                self._tries.pop(address, None)
                self._tries.pop(EVERYBODY, None)
        return right

    def _count(self, name: str, tries_max: int, now_ms: int) -> None:
        tries = self._tries.setdefault(name, _Tries())
        self._tries.move_to_end(name)
        tries.failed += 1
        if tries.failed >= tries_max:
            tries.failed = 0
            tries.wait_until_ms = now_ms + int(WAIT_S * 1_000)
        while len(self._tries) > ADDRESSES_MAX:
            self._tries.popitem(last=False)
