"""The screens of one store as a WSGI application, which the agent serves from its own process."""

from flask import Flask, Response, abort, request, send_from_directory
from werkzeug.exceptions import HTTPException

from edge_agent import health
from edge_agent.delivery.recorder import RecordError
from kiosk_ui import assets, pictures
from kiosk_ui.errors import refuse
from kiosk_ui.media import media
from kiosk_ui.scanners import blueprint as scanners_blueprint
from kiosk_ui.shopper.views import blueprint as shopper_blueprint
from kiosk_ui.staff.views import blueprint as staff_blueprint
from kiosk_ui.store import Store
from kiosk_ui.streams import Streams
from kiosk_ui.till.views import blueprint as till_blueprint

__all__ = ["Store", "create_app"]

REQUEST_BYTES_MAX = 16 * 1024
FORM_FIELDS_MAX = 20
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Nothing is loaded from elsewhere, and no script or style stands in a page.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)


def create_app(store: Store, streams: Streams | None = None) -> Flask:
    """Build the screens of one store; whoever hands in the streams can end them."""
    app = Flask(__name__)
    app.config.update(
        MAX_CONTENT_LENGTH=REQUEST_BYTES_MAX,
        MAX_FORM_MEMORY_SIZE=REQUEST_BYTES_MAX,
        MAX_FORM_PARTS=FORM_FIELDS_MAX,
        SEND_FILE_MAX_AGE_DEFAULT=assets.ASSET_AGE_S,
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    streams = streams or Streams(store.doorbell)
    app.register_blueprint(shopper_blueprint(store, streams))
    app.register_blueprint(staff_blueprint(store, streams))
    app.register_blueprint(till_blueprint(store, streams))
    app.register_blueprint(scanners_blueprint(store))
    app.add_url_rule("/looks/<name>", view_func=looks)
    app.add_url_rule("/media/<name>", "media", lambda name: media(store.media, name))
    app.add_url_rule("/pictures/<drawing>/<int:colouring>.svg", view_func=picture)
    app.register_error_handler(HTTPException, lambda error: refuse(store, error))
    app.register_error_handler(RecordError, lambda error: refuse(store, error))
    app.add_url_rule("/healthz", view_func=lambda: health_answer(store), endpoint="healthz")
    app.add_url_rule("/metrics", view_func=lambda: metrics_answer(store), endpoint="metrics")
    policy = " ".join((CONTENT_POLICY, *store.frame_ancestors))

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        # A page of somebody's must not come back from the browser's memory for the next one.
        if request.endpoint not in ("static", "looks", "picture", "media"):
            response.headers["Cache-Control"] = "no-store"
        return response

    return app


def looks(name: str) -> Response:
    """Answer with a file that all screens share."""
    return send_from_directory(assets.LOOKS, name, max_age=assets.ASSET_AGE_S)


def picture(drawing: str, colouring: int) -> Response:
    """Answer with the drawing that stands for a category of goods."""
    if drawing not in pictures.DRAWINGS:
        abort(404)
    response = Response(pictures.draw(drawing, colouring), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = f"public, max-age={assets.ASSET_AGE_S}"
    return response


def health_answer(store: Store) -> Response:
    """Answer whether the agent works: 503 only when it has failed, being offline is normal."""
    status, body = health.healthz(store.health())
    return Response(body, status, mimetype="application/json")


def metrics_answer(store: Store) -> Response:
    """Answer with the figures of the agent for Prometheus."""
    return Response(health.prometheus(store.health()), content_type=METRICS_TYPE)
