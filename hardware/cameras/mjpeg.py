"""Reads a camera that sends its frames as JPEG images over HTTP, one part of an answer each."""

import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse

from hardware.cameras.address import Address
from hardware.cameras.capture import CALL_S_MAX, CaptureError
from hardware.cameras.frames import PIXELS_MAX, Pixels
from hardware.cameras.images import IMAGE_BYTES_MAX, decode_image, image_size
from hardware.clock import mono_ms

HEAD_BYTES_MAX = 8 * 1024
READ_BYTES = 64 * 1024
MULTIPART = "multipart/x-mixed-replace"

_LENGTH = re.compile(rb"^content-length:\s*(\d{1,9})\s*$", re.IGNORECASE | re.MULTILINE)
_CODES = {401: "unauthorized", 403: "unauthorized", 404: "no-stream"}


class Parts:
    """Cuts what a camera sends into its parts, in bounded memory; pure.

    A part ends after the length that its head states, or, without one, before the next boundary.
    """

    def __init__(self, boundary: bytes) -> None:
        self._boundary = b"--" + boundary.removeprefix(b"--")
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, received: bytes) -> Iterator[bytes]:
        """Take what was received, and yield the parts that are now complete.

        Raises CaptureError when that is no sequence of parts with images of a size that is read.
        """
        self._buffer += received
        while (part := self._next()) is not None:
            if part:
                yield part

    def _next(self) -> bytes | None:
        begins = self._buffer.find(self._boundary)
        ends = self._buffer.find(b"\r\n\r\n", max(begins, 0))
        if begins < 0 or ends < 0:
            if len(self._buffer) > HEAD_BYTES_MAX:
                raise CaptureError("no-video")
            return None
        stated = _LENGTH.search(bytes(self._buffer[begins:ends]))
        head_ends = ends + 4
        if stated is not None:
            length = int(stated[1])
        else:
            follows = self._buffer.find(b"\r\n" + self._boundary, head_ends + self._searched)
            length = follows - head_ends if follows >= 0 else -1
        if max(length, len(self._buffer) - head_ends - READ_BYTES) > IMAGE_BYTES_MAX:
            raise CaptureError("too-large")
        if length < 0 or len(self._buffer) < head_ends + length:
            # What was searched for a boundary is not searched again, but for one that began there.
            searched = len(self._buffer) - head_ends - len(self._boundary) - 1
            self._searched = max(0, searched) if stated is None else 0
            return None
        part = bytes(self._buffer[head_ends : head_ends + length])
        del self._buffer[: head_ends + length]
        self._searched = 0
        return part


class MjpegCapture:
    """A network camera's JPEG images; only those that somebody waits for are decoded."""

    def __init__(self, address: Address, *, grey: bool = False) -> None:
        self._address = address
        self._grey = grey
        self._response: HTTPResponse | None = None
        self._parts: Iterator[bytes] = iter(())
        self._jpeg = b""

    def open(self) -> None:
        """Ask for the stream; raises CaptureError with why there is none."""
        self._response = response = ask(self._address)
        boundary = response.headers.get_param("boundary")
        if response.headers.get_content_type() != MULTIPART or not isinstance(boundary, str):
            raise CaptureError("no-video")
        self._parts = _parts(response, Parts(boundary.encode("latin-1", "replace")))

    def grab(self) -> int:
        """Wait for the next image."""
        try:
            self._jpeg = next(self._parts)
        except StopIteration:
            raise CaptureError("lost") from None
        except (OSError, HTTPException) as error:
            raise CaptureError("lost") from error
        return mono_ms()

    def pixels(self) -> Pixels:
        """Decode the image; raises FrameError for one that is broken."""
        size = image_size(self._jpeg)
        if size is None or size[0] * size[1] <= PIXELS_MAX:
            return decode_image(self._jpeg, grey=self._grey)
        raise CaptureError("too-large")

    def close(self) -> None:
        """Hang up."""
        self._jpeg = b""
        if self._response is not None:
            self._response.close()
            self._response = None


def ask(address: Address) -> HTTPResponse:
    """Ask for what is at an address, with its user and password; raises CaptureError.

    Redirects are followed, proxies are not used: a camera stands in the store's own network.
    """
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, address.bare_url, address.user, address.password)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPDigestAuthHandler(passwords),
        urllib.request.HTTPBasicAuthHandler(passwords),
    )
    try:
        response = opener.open(address.bare_url, timeout=CALL_S_MAX)
    except urllib.error.HTTPError as error:
        error.close()
        raise CaptureError(_CODES.get(error.code, "no-video")) from error
    except urllib.error.URLError as error:
        raise CaptureError(_why(error.reason)) from error
    except (OSError, HTTPException, ValueError) as error:
        raise CaptureError("unreachable") from error
    if not isinstance(response, HTTPResponse):
        raise CaptureError("no-stream")  # sent elsewhere, and not by HTTP
    return response


def _why(reason: object) -> str:
    match reason:
        case ssl.SSLCertVerificationError():
            return "untrusted"
        case ConnectionRefusedError():
            return "refused"
        case OSError() if reason.errno is not None and reason.errno < 0:
            return "unknown-name"  # the numbers of getaddrinfo
    return "unreachable"


def _parts(response: HTTPResponse, parts: Parts) -> Iterator[bytes]:
    while received := response.read1(READ_BYTES):
        yield from parts.feed(received)
