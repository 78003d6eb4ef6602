"""The stage as a WSGI application: the page, the cameras' streams, and the web shop at /shop."""

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, send_from_directory

from looks.assets import ASSET_AGE_S, LOOKS
from storebridge.stage.pages import Pages
from storebridge.stage.theatre import Theatre
from storebridge.town import SITE
from storebridge.webshop.shop import create_shop

REQUEST_BYTES_MAX = 16 * 1024
# Nothing is loaded from elsewhere but the frames; no script or style stands in a page.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'self'; frame-src 'self'"
)


def create_stage(theatre: Theatre) -> Flask:
    """Build the stage of a running town.

    Each camera stream holds a thread of the server, which needs some more for the pages.
    """
    town = theatre.town
    app = Flask(__name__)
    app.secret_key = secrets.token_bytes(32)
    app.config.update(
        MAX_CONTENT_LENGTH=REQUEST_BYTES_MAX,
        SEND_FILE_MAX_AGE_DEFAULT=ASSET_AGE_S,
        SESSION_COOKIE_NAME="shop",
        SESSION_COOKIE_PATH="/shop",
        SESSION_COOKIE_SAMESITE="Strict",
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    pages = Pages(theatre)
    app.get("/")(pages.stage)
    app.get("/live")(pages.live)
    app.post("/show")(pages.show)
    app.post("/line")(pages.switch_line)
    app.get("/camera/<store>/<camera>.mjpg")(pages.camera)
    app.get("/looks/<name>")(looks)
    api_url = f"http://{town.host}:{town.cloud_port}"
    shop = create_shop(theatre.products, api_url, theatre.api_key, town.members, site=SITE)
    app.register_blueprint(shop)
    policy = " ".join((CONTENT_POLICY, *origins_of(theatre)))
    policy = policy.replace("connect-src 'self'", f"connect-src 'self' {api_url}")

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def origins_of(theatre: Theatre) -> list[str]:
    """Return where the pages come from that the stage shows in frames."""
    town = theatre.town
    urls = [town.console_url, *(town.kiosk_url(store) for store in town.stores)]
    parts = [urlsplit(url) for url in urls]
    return list(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts))


def looks(name: str) -> Response:
    """Answer with a file of the looks that all screens share."""
    return send_from_directory(LOOKS, name, max_age=ASSET_AGE_S)
