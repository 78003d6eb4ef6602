"""Opens an RTSP camera, and asks it what it has against that: the video library does not say."""

import socket

import cv2

from hardware.address import Address, knock
from hardware.capture import CALL_S_MAX, CaptureError

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
    timeout_ms = int(CALL_S_MAX * 1000)
    limits = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms),
        *(cv2.CAP_PROP_N_THREADS, 1),  # each further one holds a frame back
    ]
    capture = cv2.VideoCapture(address.url, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        raise CaptureError(why_no_stream(address))
    return capture


def why_no_stream(address: Address) -> str:
    """Return the code of why a camera that answers gives no stream, see `capture.REASONS`.

    It is asked without name and password: one that wants them was given wrong ones before.
    """
    if address.scheme != "rtsp":
        return "no-video"
    request = f"DESCRIBE {address.bare_url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    try:
        with socket.create_connection((address.host, address.port), ANSWER_S_MAX) as asked:
            asked.settimeout(ANSWER_S_MAX)
            asked.sendall(request.encode("utf-8", "replace"))
            status = asked.recv(ANSWER_BYTES_MAX).split(b"\r\n")[0].decode("ascii", "replace")
    except OSError:
        return "unreachable"
    protocol, _, rest = status.partition(" ")
    return _CODES.get(rest[:3], "no-video") if protocol.startswith("RTSP/") else "no-video"
