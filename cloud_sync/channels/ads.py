"""Postbacks of ad platforms: an impression or a click, as a GET of an address with macros.

The platform fills the macros in and signs nothing, so a secret stands in the address:

    …/v1/webhooks/ads/KEY?token=SECRET&what=click&id=__CLICK_ID__&at=__CLICK_TIME__
        &campaign=__CAMPAIGN_ID__&ad=__AD_ID__                                      (Tencent)
    …?token=SECRET&what=click&id=__CLICKID__&at=__TS__&campaign=__PROMOTION_ID__    (Ocean Engine)

`at` is in seconds or milliseconds. The click's id is an identifier of the kind `web`, as the shop's
page names it too when somebody lands there with it; numbers of devices and addresses are not read.

Sources: datanexus.qq.com, "广告点击"; event-manager.oceanengine.com, click monitoring links.
"""

import re
from collections.abc import Mapping

from cloud_sync.channels.delivery import SECOND_US, Delivery, event_id, named, wrong
from cloud_sync.intake.posted import Told
from wire.events import AnyBody, PageShown, Tapped

TOKEN = "token"  # noqa: S105 (the name of a parameter)
_NUMBER = re.compile(r"[0-9]{10}|[0-9]{13}")
_NAME = re.compile(r"[0-9A-Za-z_.:-]{1,100}")


def read(delivery: Delivery) -> list[Told]:
    """Return the impression or click that an address tells of; raises PostRefusedError."""
    query = delivery.query
    what, click = query.get("what", ""), _name(query, "id")
    campaign = _name(query, "campaign")
    ad = _name(query, "ad") if query.get("ad") else ""
    body: AnyBody
    match what:
        case "click":
            body = Tapped(page=f"ad:{campaign}", target=ad or "ad")
        case "impression":
            body = PageShown(page=f"ad:{campaign}", because=ad)
        case _:
            raise wrong("what", "expected click or impression")
    return [
        Told(
            event_id=event_id(what, click),
            at=_at(query.get("at", "")),
            identifiers=named(("web", f"click:{click}")),
            body=body,
            brand=query.get("brand", ""),
        )
    ]


def _name(query: Mapping[str, str], parameter: str) -> str:
    value = query.get(parameter, "")
    if value.startswith("__") or not _NAME.fullmatch(value):
        raise wrong(parameter, "expected letters and digits: is its macro filled in?")
    return value


def _at(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise wrong("at", "expected seconds (10 digits) or milliseconds (13 digits) since 1970")
    return int(text) * SECOND_US if len(text) == 10 else int(text) * 1000
