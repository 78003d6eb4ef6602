"""The API's route for spending points: `POST /v1/points/spend`.

    {"identifiers": […], "points": 500, "order": "w-17", "event_id": "7f9c…"}

Answers with the points spent and left; 404 where there is nobody with points, 409 with the reason
where there are too few or the order has spent others.
"""

from flask import Blueprint, Response, g, jsonify, request

from cloud_sync.cloud import Cloud
from cloud_sync.database import retried
from cloud_sync.intake.api_keys import ApiKey
from cloud_sync.intake.asked import AskedToSpend, keyed, parse_asked
from cloud_sync.shoppers.profiles.spending import NotSpent, Spend, spend

NOT_SPENT = {
    "unknown": (404, "this shopper has no points that can be spent"),
    "too_few": (409, "there are not as many points"),
    "order": (409, "other points were spent for this order"),
    "event_id": (409, "this event_id was used for another event; send a new one"),
}


def add_points(api: Blueprint, cloud: Cloud) -> None:
    """Add the route to the API, whose keys it asks for."""

    @api.post("/points/spend")
    def post_spend() -> Response:
        key: ApiKey = g.key
        asked = parse_asked(request.get_data(), AskedToSpend)
        identifiers = keyed(asked, cloud.identifier_keys[key.tenant])
        wish = Spend(points=asked.points, order=asked.order, event_id=asked.event_id)
        done = retried(
            lambda: cloud.database.shopper(key.tenant),
            lambda connection: spend(connection, key, identifiers, wish, cloud.now()),
        )
        if isinstance(done, NotSpent):
            status, message = NOT_SPENT[done.reason]
            error = {"message": message, "fields": [], "reason": done.reason, "left": done.left}
            response = jsonify(error=error)
            response.status_code = status
            return response
        return jsonify(points=done.points, left=done.left, repeated=done.repeated)
