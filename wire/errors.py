"""What can be wrong with bytes on the wire.

DecodeError            the bytes are no message or event of ours
  UnknownKindError     they are an event of a kind that a newer version knows
EncodeError            a message or event is larger than its limit, or not well formed
"""

import msgspec

# All that msgspec raises on bytes that are not of the wanted form: also for text that is no UTF-8,
# and for nesting beyond Python's limit.
MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class DecodeError(ValueError):
    """The bytes are no message or event of ours; they stay as they are, to be set aside."""


class UnknownKindError(DecodeError):
    """The bytes are a sound event of a kind that this version does not know: keep them."""

    def __init__(self, tag: int) -> None:
        super().__init__(
            f"event kind {tag} is unknown here: keep its bytes and replay them after an upgrade"
        )
        self.tag = tag


class EncodeError(ValueError):
    """A message or event exceeds a limit of the wire, or breaks a promise of its kind."""
