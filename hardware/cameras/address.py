"""The address of a network camera, and how to name it without what is secret in it."""

import re
import socket
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

# The schemes that are read, and the port of each where the address names none.
PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}

# A user and a password stand before the last of these, also in a text that is no address after all.
_CREDENTIALS = re.compile(r".*@", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a network camera is. Its representation shows nothing secret; only `url` does.

    Cameras carry tokens in their paths, too, so that `title` names the host alone.
    """

    scheme: str
    host: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)
    url: str = field(repr=False)

    @property
    def title(self) -> str:
        """Name the camera in a sentence."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"the {self.scheme} camera at {host}:{self.port}"

    @property
    def path(self) -> str:
        """Return what follows the host, as the camera wants it."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def bare_url(self) -> str:
        """Return the address without user and password."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def parse_address(text: str) -> Address:
    """Return the address that a text with `://` is.

    Raises ValueError, which repeats nothing of the text but its scheme.
    """
    try:
        parts: SplitResult | None = urlsplit(text)
        port = parts.port if parts else None
    except ValueError:
        parts = port = None
    if parts is None or not parts.hostname or "\n" in text or "\r" in text:
        raise ValueError("is no address: expects rtsp://HOST/PATH or http://HOST/PATH")
    if parts.scheme not in PORTS:
        raise ValueError(f"no {parts.scheme!r} is read; known: {', '.join(PORTS)}")
    return Address(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        url=text,
    )


def without_credentials(text: str) -> str:
    """Return the text with anything that may be a user and a password left out."""
    return _CREDENTIALS.sub("…@", text)


def knock(address: Address, timeout_s: float) -> str:
    """Return why nobody answers at the address, as a code of `capture.REASONS`; empty if one does.

    Costs next to nothing beside opening a stream, and comes back in time.
    """
    try:
        socket.create_connection((address.host, address.port), timeout_s).close()
    except socket.gaierror:
        return "unknown-name"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "unreachable"
    return ""
