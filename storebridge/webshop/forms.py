"""Whether a form was sent by a page of ours."""

from urllib.parse import urlsplit

from flask import Request


def is_from_here(request: Request) -> bool:
    """Tell whether a form came from a page of the same origin.

    Browsers say with each form where it comes from. What says nothing is no browser and carries
    nobody's cookies.
    """
    origin = request.headers.get("Origin")
    if origin is not None:
        return urlsplit(origin).netloc == request.host
    return request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")
