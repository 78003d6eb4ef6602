"""Opens an RTSP camera, and asks it what it has against that: the video library does not say."""

import socket

import cv2

from hardware.cameras.address import Address, knock
from hardware.cameras.capture import CALL_S_MAX, CaptureError
from hardware.clock import mono_ms

OPEN_MS_MAX = int(CALL_S_MAX * 1000)
KNOCK_S_MAX = 0.5
ANSWER_S_MAX = 2.0
ANSWER_BYTES_MAX = 4096
# Over TCP, since half a picture is none. Video alone, and shown from its first frame: FFmpeg would
# else watch a slow stream for five seconds before it gives one. No frame is held back, either.
FFMPEG_OPTIONS = (
    "rtsp_transport;tcp|allowed_media_types;video|flags;low_delay|"
    "probesize;32|analyzeduration;0|fpsprobesize;0"
)
_CODES = {"401": "unauthorized", "403": "unauthorized", "404": "no-stream"}


def open_stream(address: Address) -> cv2.VideoCapture:
    """Open the stream where somebody answers; raises CaptureError with why there is none."""
    if why := knock(address, KNOCK_S_MAX):
        raise CaptureError(why)
    began_ms = mono_ms()
    capture = _open(address)
    if not capture.isOpened() and mono_ms() - began_ms >= OPEN_MS_MAX:
        # Silent until the time was over: one that answers now may have come back meanwhile.
        if address.scheme == "rtsp" and _status(address, "OPTIONS") is None:
            raise CaptureError("unreachable")
        capture = _open(address)
    if not capture.isOpened():
        raise CaptureError(why_no_stream(address))
    return capture


def why_no_stream(address: Address) -> str:
    """Return the code of why a camera that answers gives no stream, see `capture.REASONS`.

    It is asked without name and password: one that wants them was given wrong ones before.
    """
    if address.scheme != "rtsp":
        return "no-video"
    status = _status(address, "DESCRIBE")
    if status is None:
        return "unreachable"
    protocol, _, rest = status.partition(" ")
    return _CODES.get(rest[:3], "no-video") if protocol.startswith("RTSP/") else "no-video"


def _open(address: Address) -> cv2.VideoCapture:
    limits = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS_MAX),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, OPEN_MS_MAX),
        *(cv2.CAP_PROP_N_THREADS, 1),  # each further one holds a frame back
    ]
    return cv2.VideoCapture(address.url, cv2.CAP_FFMPEG, limits)


def _status(address: Address, method: str) -> str | None:
    """Return the first line of a camera's answer to a request, None where it gives none."""
    request = f"{method} {address.bare_url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    try:
        with socket.create_connection((address.host, address.port), ANSWER_S_MAX) as asked:
            asked.settimeout(ANSWER_S_MAX)
            asked.sendall(request.encode("utf-8", "replace"))
            return asked.recv(ANSWER_BYTES_MAX).split(b"\r\n")[0].decode("ascii", "replace")
    except OSError:
        return None
