"""The cloud's pages and API as a WSGI application."""

import logging

import psycopg
from flask import Flask, Response, jsonify, redirect, request

from cloud_sync import api
from cloud_sync.channels.claim_pages import blueprint as claims_blueprint
from cloud_sync.channels.goods import blueprint as goods_blueprint
from cloud_sync.channels.pages import blueprint as webhooks_blueprint
from cloud_sync.channels.site_pages import blueprint as sites_blueprint
from cloud_sync.cloud import Cloud
from cloud_sync.console.reviews import add_reviews
from cloud_sync.console.views import blueprint as console_blueprint
from cloud_sync.intake.posted import POST_BYTES_MAX
from cloud_sync.web import openapi, privacy_api, review_api, shoppers_api

_log = logging.getLogger(__name__)

# When the database is away, clients are asked to come back after this time.
RETRY_AFTER_S = 5
# Nothing is loaded from elsewhere, and no script or style stands in a page.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)


def create_app(cloud: Cloud) -> Flask:
    """Build the web application of the cloud service."""
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=POST_BYTES_MAX, MAX_FORM_PARTS=20)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.register_blueprint(api.blueprint(cloud))
    app.register_blueprint(privacy_api.blueprint(cloud))
    app.register_blueprint(shoppers_api.blueprint(cloud))
    app.register_blueprint(review_api.blueprint(cloud))
    app.register_blueprint(openapi.blueprint())
    app.register_blueprint(webhooks_blueprint(cloud))
    app.register_blueprint(goods_blueprint(cloud))
    app.register_blueprint(claims_blueprint(cloud))
    app.register_blueprint(sites_blueprint(cloud))
    console = console_blueprint(cloud)
    add_reviews(console, cloud)
    app.register_blueprint(console)

    app.add_url_rule("/", "front_door", lambda: redirect("/hq/"))
    app.register_error_handler(psycopg.OperationalError, database_away)
    app.register_error_handler(psycopg.InterfaceError, database_away)

    @app.after_request
    def protect(response: Response) -> Response:
        policy = " ".join((CONTENT_POLICY, *cloud.frame_ancestors))
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        if cloud.secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def database_away(error: Exception) -> Response:
    """Answer a request that the database cannot serve now; it may be sent again as it is."""
    _log.warning("a request failed, as the database is away: %s", type(error).__name__)
    said = "the cloud's database cannot be reached now; try again in a few seconds"
    if request.path.startswith("/v1/"):
        response = jsonify(error={"message": said, "fields": []})
    else:
        response = Response(said, mimetype="text/plain")
    response.status_code = 503
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
