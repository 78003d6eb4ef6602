"""Serves one still of a camera to the browser of this machine, from memory alone."""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
from flask import Flask, Response, abort, render_template, request

from edge_agent.web import WebServer
from hardware.cameras.camera import is_live
from hardware.cameras.frames import AwayError, FrameSource, Pixels
from storebridge.drawing.zone_text import DrawingError, zone_toml
from storebridge.parent import asked_to_end

HOST = "127.0.0.1"
THREADS = 4
DRAWING_BYTES_MAX = 256 * 1024
STILL_S_MAX = 15.0
# The first frames of a camera that has just been opened are dim: it still finds its exposure.
SETTLING_S = 1.0
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Still:
    """A picture, as PNG in memory."""

    png: bytes
    width: int
    height: int


def take_still(source: FrameSource) -> Still:
    """Take a picture of a source; raises AwayError, FrameError or SourceEndedError."""
    began_s = time.monotonic()
    pixels: Pixels | None = None
    seen_s = 0.0
    source.open()
    try:
        while pixels is None or time.monotonic() - seen_s < SETTLING_S:
            if pixels is None and time.monotonic() - began_s > STILL_S_MAX:
                raise AwayError("the camera gives none", answers=True)
            frame = source.take(0.2)
            if frame is None:
                continue
            seen_s = seen_s or time.monotonic()
            pixels = frame.pixels
            if not is_live(source):
                break
    finally:
        source.close()
    height, width = pixels.shape[:2]
    return Still(cv2.imencode(".png", pixels)[1].tobytes(), width, height)


def create_page(still: Still, token: str) -> Flask:
    """Build the page; whoever does not know the token in its address gets nothing."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = DRAWING_BYTES_MAX
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}

    @app.before_request
    def admit() -> None:
        # By its number alone: a name that leads here may be somebody else's page.
        if request.host.split(":")[0] != HOST:
            abort(404)
        given = str((request.view_args or {}).get("token", ""))
        knows = hmac.compare_digest(given.encode(), token.encode())
        if request.endpoint != "static" and not knows:
            abort(404)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/<token>/")
    def page(token: str) -> str:
        return render_template("drawing.html", still=still, token=token)

    @app.get("/<token>/still.png")
    def picture(token: str) -> Response:
        del token
        return Response(still.png, mimetype="image/png")

    @app.post("/<token>/toml")
    def toml(token: str) -> Response:
        del token
        try:
            return Response(zone_toml(request.get_data()), mimetype="text/plain")
        except DrawingError as error:
            return Response(str(error), status=400, mimetype="text/plain")

    return app


def serve_still(still: Still, port: int, say: Callable[[str], object]) -> None:
    """Serve the page until asked to end; raises WebError where the port is taken."""
    token = secrets.token_urlsafe(16)
    server = WebServer(create_page(still, token), HOST, port, THREADS)
    ended = asked_to_end()
    server.start()
    say(f"Open http://{HOST}:{server.port}/{token}/ in a browser of this machine.")
    ended.wait()
    server.close()
