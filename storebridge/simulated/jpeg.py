"""Drawn frames as JPEG, as a network camera sends them."""

import cv2
import numpy as np

from hardware.cameras.frames import Pixels

JPEG_QUALITY = 85


def to_jpeg(picture: Pixels) -> bytes:
    """Encode a frame as JPEG."""
    encoded, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise ValueError(f"a frame of shape {np.shape(picture)} cannot be encoded")
    return jpeg.tobytes()
