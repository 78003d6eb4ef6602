"""`/v1/webhooks/<channel>/<key>`: where other systems deliver, each in its own form.

An answer of 4xx says what is wrong and where, in the form of the API's refusals.
"""

import logging

from flask import Blueprint, Response, jsonify, request

from cloud_sync.api import refusal
from cloud_sync.channels import refused
from cloud_sync.channels.delivery import Delivery
from cloud_sync.channels.signatures import SignatureError
from cloud_sync.channels.webhooks import Webhook, append, events_of
from cloud_sync.cloud import Cloud
from cloud_sync.intake.posted import PostRefusedError

_log = logging.getLogger(__name__)


def blueprint(cloud: Cloud) -> Blueprint:
    """Build the routes of the webhooks."""
    pages = Blueprint("webhooks", __name__, url_prefix="/v1/webhooks")

    @pages.route("/<channel>/<name>", methods=["GET", "POST"])
    def deliver(channel: str, name: str) -> Response:
        webhook = cloud.webhooks.get(name)
        if webhook is None or webhook.channel.name != channel:
            return refusal(404, f"there is no webhook {channel}/{name}: see [webhooks.{name}]")
        if request.method != webhook.channel.method:
            response = refusal(405, f"{channel} delivers by {webhook.channel.method}")
            response.headers["Allow"] = webhook.channel.method
            return response
        delivery = Delivery(
            body=request.get_data(),
            headers={header.lower(): text for header, text in request.headers.items()},
            query=request.args.to_dict(),
            received_at=cloud.now(),
        )
        return _received(cloud, webhook, delivery)

    return pages


def _received(cloud: Cloud, webhook: Webhook, delivery: Delivery) -> Response:
    try:
        webhook.channel.check(delivery, webhook.secrets)
    except SignatureError as error:
        # Nothing of it is kept: whoever sent it is not who they say.
        return refusal(403, f"this delivery is refused: {error}")
    key = cloud.identifier_keys[webhook.tenant]
    try:
        events = events_of(webhook, delivery, key)
    except PostRefusedError as error:
        with cloud.database.shopper(webhook.tenant) as connection:
            kept = refused.keep(connection, webhook, key, delivery, str(error))
        _log.warning("webhook %s: a delivery was refused and %s", webhook.name, _fate(kept=kept))
        return refusal(422, f"this delivery cannot be read and {_fate(kept=kept)}", error.wrong)
    done = append(cloud.database, webhook, events)
    return jsonify(accepted=done.accepted, repeated=done.repeated)


def _fate(*, kept: bool) -> str:
    return "is set aside (storebridge webhook list)" if kept else "is not kept: too many are"
