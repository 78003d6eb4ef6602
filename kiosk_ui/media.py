"""The goods' videos, which the store serves from a folder of its own: also without the line."""

from pathlib import Path

from flask import Response, abort, request, send_from_directory

# What a browser is told that a file is; another ending is not served.
MEDIA_TYPES = {
    ".webm": "video/webm",
    ".mp4": "video/mp4",
    ".vtt": "text/vtt",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
MEDIA_AGE_S = 3600
# A paused player reads no further: what is longer than the server keeps for it (16 MB) would hold
# one of the threads that draw screens. It asks for the next part by itself.
PART_BYTES_MAX = 8 * 1024 * 1024


def held(folder: Path | None, name: str) -> bool:
    """Tell whether a store has a file of this name, and of a kind that it serves."""
    is_name = bool(name) and name == Path(name).name and not name.startswith(".")
    if folder is None or not is_name or Path(name).suffix.lower() not in MEDIA_TYPES:
        return False
    try:
        return (folder / name).is_file()
    except OSError:  # too long a name, or a folder that may not be looked into
        return False


def media(folder: Path | None, name: str) -> Response:
    """Answer with a file, or the part of it that a player asks for."""
    if folder is None or not held(folder, name):
        abort(404)
    kind, asked = MEDIA_TYPES[Path(name).suffix.lower()], request.range
    if asked is not None and len(asked.ranges) == 1 and asked.ranges[0][0] >= 0:
        first, end = asked.ranges[0]
        most = first + PART_BYTES_MAX
        request.environ["HTTP_RANGE"] = f"bytes={first}-{min(end or most, most) - 1}"
    return send_from_directory(folder.absolute(), name, mimetype=kind, max_age=MEDIA_AGE_S)
