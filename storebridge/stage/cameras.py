"""Serves the frames of a camera as a stream, which agents read and pages show."""

import threading
from collections.abc import Iterator

from flask import Response

# Each stream holds a thread of the web server for as long as somebody watches.
STREAMS_MAX = 24
RETRY_AFTER_S = 2
BOUNDARY = b"sb-frame"


class Cameras:
    """Counts the open streams, so that they cannot take all threads of the server."""

    def __init__(self, streams_max: int = STREAMS_MAX) -> None:
        self._free = threading.BoundedSemaphore(streams_max)

    def stream(self, frames: Iterator[bytes]) -> Response:
        """Answer with JPEG frames for as long as they come; 503 when all streams are taken."""
        if not self._free.acquire(blocking=False):
            return Response(status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
        response = Response(
            multipart(frames), mimetype=f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
        )
        # Released here and not at the end of the generator, which may never have begun.
        response.call_on_close(self._free.release)
        return response


def multipart(frames: Iterator[bytes]) -> Iterator[bytes]:
    """Yield frames as parts; each ends with the next boundary, so that it is shown at once."""
    yield b"--" + BOUNDARY + b"\r\n"
    for jpeg in frames:
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        yield head + jpeg + b"\r\n--" + BOUNDARY + b"\r\n"
