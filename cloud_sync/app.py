"""The cloud's pages and API as a WSGI application."""

from flask import Flask, Response

from cloud_sync import api
from cloud_sync.cloud import Cloud
from cloud_sync.console.views import blueprint as console_blueprint
from cloud_sync.intake.posted import POST_BYTES_MAX

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
    app.register_blueprint(console_blueprint(cloud))

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
