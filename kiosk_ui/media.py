"""The goods' videos, which the store serves from a folder of its own: also without the line."""

from pathlib import Path

from flask import Response, abort, send_from_directory

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


def held(folder: Path | None, name: str) -> bool:
    """Tell whether a store has a file of this name."""
    is_name = bool(name) and name == Path(name).name and not name.startswith(".")
    return folder is not None and is_name and (folder / name).is_file()


def media(folder: Path | None, name: str) -> Response:
    """Answer with a file, or the part of it that a player asks for."""
    kind = MEDIA_TYPES.get(Path(name).suffix.lower())
    if folder is None or kind is None or not held(folder, name):
        abort(404)
    return send_from_directory(folder.absolute(), name, mimetype=kind, max_age=MEDIA_AGE_S)
