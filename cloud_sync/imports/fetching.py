"""Fetching a file from a web address: with patience, but not for ever, and not of any size."""

import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

CONNECT_S, SILENT_S = 5.0, 30.0
TRIES_MAX = 4
# Between two tries: this, doubled each time, or what the server asks for, if that is not too long.
REST_S, REST_S_MAX = 1.0, 30.0
FETCH_S_MAX = 3_600.0
FILE_BYTES_MAX = 4 << 30
CHUNK_BYTES = 1 << 20
REDIRECTS_MAX = 5
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class FetchError(Exception):
    """A file could not be fetched; the message names the address, without what is secret in it."""


def is_address(text: str) -> bool:
    """Tell whether a text is a web address."""
    return text.startswith(("https://", "http://"))


def fetch(
    url: str, folder: Path, *, bytes_max: int = FILE_BYTES_MAX, rest_s: float = REST_S
) -> Path:
    """Fetch a file into a folder, under the name that its address ends with.

    What is not answered, or answered with an excuse, is asked for again, TRIES_MAX times in all.
    Raises FetchError.
    """
    name = Path(unquote(urlsplit(url).path)).name or "file"
    file = folder / name
    ends = time.monotonic() + FETCH_S_MAX
    said = ""
    with requests.Session() as session:
        session.max_redirects = REDIRECTS_MAX
        for attempt in range(TRIES_MAX):
            if attempt:
                time.sleep(min(rest_s * 2 ** (attempt - 1), REST_S_MAX))
            try:
                answer = session.get(url, stream=True, timeout=(CONNECT_S, SILENT_S))
                if answer.status_code not in _TRY_AGAIN:
                    _store(answer, file, url, bytes_max, ends)
                    return file
                said = f"it answers {answer.status_code}"
                rest_s = max(rest_s, _asked_rest(answer))
            except requests.TooManyRedirects as error:
                raise FetchError(f"{_shown(url)} leads from one address to the next") from error
            except requests.RequestException as error:
                said = f"{type(error).__name__}"
    raise FetchError(f"{_shown(url)} could not be fetched in {TRIES_MAX} tries: {said}")


def _store(answer: requests.Response, file: Path, url: str, bytes_max: int, ends: float) -> None:
    if not answer.ok:
        raise FetchError(f"{_shown(url)} answers {answer.status_code}: is the address right?")
    length = 0
    with file.open("wb") as opened:
        for chunk in answer.iter_content(CHUNK_BYTES):
            length += len(chunk)
            if length > bytes_max:
                raise FetchError(f"{_shown(url)} is larger than {bytes_max} bytes")
            if time.monotonic() > ends:
                raise FetchError(f"{_shown(url)} took longer than {FETCH_S_MAX:.0f} s")
            opened.write(chunk)
    expected = answer.headers.get("Content-Length")
    whole = expected is None or answer.headers.get("Content-Encoding") or length == int(expected)
    if not whole:
        raise requests.ConnectionError("it ended too early")


def _asked_rest(answer: requests.Response) -> float:
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), REST_S_MAX) if asked.isdecimal() else 0.0


def _shown(url: str) -> str:
    """Return an address without its user, password and parameters, which may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
