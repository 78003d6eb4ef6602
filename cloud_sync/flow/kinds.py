"""How another system can be told, as a configuration names it."""

import base64
import re
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

Kind = Literal["webhook", "csv", "parquet", "mqtt"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SECRET_BYTES_MIN = 24
# On this machine alone nobody listens in between.
_OWN_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


class SecretError(ValueError):
    """The file of a secret cannot be used; the message says why."""


def wrong_address(kind: object, address: str) -> str:
    """Return what is wrong with the address of a connector of this kind, empty if nothing is."""
    match kind:
        case "webhook":
            parts = urlsplit(address)
            safe = parts.scheme == "https" or parts.hostname in _OWN_MACHINE
            if parts.scheme not in ("http", "https") or not parts.hostname or not safe:
                return "expected an https address (http on this machine alone)"
        case "csv" | "parquet":
            if not (Path(address).is_absolute() and Path(address).is_dir()):
                return f"{address!r} is no folder, named from the root, that is there"
        case "mqtt":
            # Where the cloud's login may publish: a broker drops anything else without a word.
            if not _NAME.fullmatch(address):
                return (
                    "expected a name of letters, digits, _ and -, of the topic sb/TENANT/flow/NAME"
                )
    return ""


def read_secret(path: Path) -> bytes:
    """Read the secret of a webhook: `whsec_` and base64, as its specification says.

    Raises SecretError.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{str(path)!r} is no file that can be read") from error
    try:
        secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError as error:
        raise SecretError(f"{str(path)!r} holds no secret: whsec_ and base64") from error
    if len(secret) < SECRET_BYTES_MIN:
        raise SecretError(f"{str(path)!r} holds fewer than {SECRET_BYTES_MIN} secret bytes")
    return secret
