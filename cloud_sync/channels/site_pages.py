"""`/v1/sites/<site>/events` and the script that posts there, for browsers on pages of a shop."""

from pathlib import Path

from flask import Blueprint, Response, jsonify, request, send_file

from cloud_sync.api import refusal
from cloud_sync.channels.pace import Pace
from cloud_sync.channels.sites import Site, events_of, read_letter
from cloud_sync.cloud import Cloud
from cloud_sync.intake import ledger
from cloud_sync.intake.posted import PostRefusedError
from wire.topics import shard_of

SCRIPT = Path(__file__).parent / "static" / "storebridge.js"
SCRIPT_AGE_S = 3_600
# Events of one browser, and of all browsers of a site, at once and then a second.
BROWSER_BURST, BROWSER_PER_S = 100, 2.0
SITE_BURST, SITE_PER_S = 5_000, 500.0


def blueprint(cloud: Cloud) -> Blueprint:
    """Build the routes for browsers."""
    pages = Blueprint("sites", __name__, url_prefix="/v1")
    browsers = Pace(burst=BROWSER_BURST, per_s=BROWSER_PER_S)
    sites = Pace(burst=SITE_BURST, per_s=SITE_PER_S)

    @pages.get("/storebridge.js")
    def script() -> Response:
        response = send_file(SCRIPT, mimetype="text/javascript", max_age=SCRIPT_AGE_S)
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    @pages.route("/sites/<name>/events", methods=["POST", "OPTIONS"])
    def tell(name: str) -> Response:
        site = cloud.sites.get(name)
        origin = request.headers.get("Origin", "")
        if site is None or origin not in site.origins:
            return refusal(403, f"pages of {origin[:100] or 'no origin'} may not tell here")
        if request.method == "OPTIONS":
            response = Response(status=204)
            response.headers["Access-Control-Allow-Methods"] = "POST"
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Access-Control-Max-Age"] = "86400"
        else:
            response = _told(cloud, site, browsers, sites)
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Vary"] = "Origin"
        return response

    return pages


def _told(cloud: Cloud, site: Site, browsers: Pace, sites: Pace) -> Response:
    now = cloud.now()
    try:
        letter = read_letter(request.get_data())
        count = len(letter.events)
        wait_s = browsers.take(f"{site.name}/{letter.web}", count, now)
        wait_s = wait_s or sites.take(site.name, count, now)
        if wait_s:
            response = refusal(429, "too many events at once; send them again later")
            response.headers["Retry-After"] = str(int(wait_s) + 1)
            return response
        events = events_of(letter, site, cloud.identifier_keys[site.tenant], now)
    except PostRefusedError as error:
        return refusal(400, "nothing of this letter was accepted", error.wrong)
    with cloud.database.ledger(shard_of(site.tenant, f"web-{site.source}")) as connection:
        kept = ledger.append_http(connection, site.tenant, site.source, f"site:{site.name}", events)
    return jsonify(accepted=kept.accepted, repeated=kept.repeated)
