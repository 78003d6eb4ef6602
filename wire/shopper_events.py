"""What happens to what may be known of a shopper: consents, erasures, identifiers.

The evolution rules of `wire/events.py` hold here too.
"""

from wire.body import Body


class Consent(Body, frozen=True, tag=40):
    """A shopper allowed a purpose, or withdrew it; `version` is the text's, `via` the channel.

    `place` is where that was, if it was elsewhere than where the event is from.
    """

    purpose: str
    given: bool
    version: str = ""
    via: str = ""
    place: str = ""


class Erased(Body, frozen=True, tag=41):
    """A store has erased a shopper, the last byte of so many rows at `done_at`: signed by it."""

    erasure: str
    done_at: int
    rows: int
    signer: bytes
    signature: bytes


class Blank(Body, frozen=True, tag=42):
    """What stands in the place of an event of somebody who was erased: that there was one."""


class Identified(Body, frozen=True, tag=45):
    """Somebody was found to be known by these identifiers: `by` list or code.

    A membership list says so, or a code that was sent to one of them proved it.
    """

    by: str
