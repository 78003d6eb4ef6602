"""How a delivery proves that it comes from whom it says: the signatures that platforms use.

Each check takes the delivery and the secrets that may have signed it (two while one takes over from
the other), compares in constant time, and raises SignatureError.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence

from cloud_sync.channels.delivery import SECOND_US, Delivery

# A signed time may be so far from ours: Stripe's libraries take the same.
TOLERANCE_S = 300
_SIGNED_TIME = re.compile(r"[0-9]{1,15}")

Check = Callable[[Delivery, Sequence[bytes]], None]


class SignatureError(Exception):
    """A delivery is not signed, or not with our secret, or not now; the message says which."""


def base64_in(header: str) -> Check:
    """Return the check of HMAC-SHA-256 over the body, in base64 in a header (lower case).

    Sources: shopify.dev, "Verify webhook deliveries"; developer.woocommerce.com, "Webhooks".
    """

    def check(delivery: Delivery, secrets: Sequence[bytes]) -> None:
        said = delivery.headers.get(header, "")
        if not said:
            raise SignatureError(f"the header {header} is missing")
        try:
            given = base64.b64decode(said, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SignatureError(f"the header {header} is no base64") from error
        _expect(given, [_digest(secret, delivery.body) for secret in secrets])

    return check


def timed_in(header: str) -> Check:
    """Return the check of `t=SECONDS,v1=HEX` in a header: HMAC-SHA-256 over `t`, a dot, the body.

    The time is signed, so that what was overheard cannot be sent again later. Several `v1` may
    stand there. Source: docs.stripe.com, "Verify webhook signatures manually".
    """

    def check(delivery: Delivery, secrets: Sequence[bytes]) -> None:
        pairs = [
            each.strip().partition("=") for each in delivery.headers.get(header, "").split(",")
        ]
        times = [value for name, _, value in pairs if name == "t"]
        given = [value.encode() for name, _, value in pairs if name == "v1"]
        if len(times) != 1 or not given or not _SIGNED_TIME.fullmatch(times[0]):
            raise SignatureError(f"the header {header} does not say t=…,v1=…")
        if abs(delivery.received_at - int(times[0]) * SECOND_US) > TOLERANCE_S * SECOND_US:
            raise SignatureError(f"its signed time is over {TOLERANCE_S} s from ours")
        signed = times[0].encode() + b"." + delivery.body
        wanted = [_digest(secret, signed).hex().encode() for secret in secrets]
        if not any(hmac.compare_digest(one, other) for one in given for other in wanted):
            raise SignatureError("it is not signed with our secret")

    return check


def token_in(parameter: str) -> Check:
    """Return the check of a secret that stands in the address, for platforms that sign nothing."""

    def check(delivery: Delivery, secrets: Sequence[bytes]) -> None:
        given = delivery.query.get(parameter, "").encode()
        if not given:
            raise SignatureError(f"the parameter {parameter} is missing")
        digests = [hashlib.sha256(secret).digest() for secret in secrets]
        _expect(hashlib.sha256(given).digest(), digests)

    return check


def _digest(secret: bytes, signed: bytes) -> bytes:
    return hmac.new(secret, signed, hashlib.sha256).digest()


def _expect(given: bytes, wanted: Sequence[bytes]) -> None:
    if not any(hmac.compare_digest(given, each) for each in wanted):
        raise SignatureError("it is not signed with our secret")
