"""A WeChat mini program: its server forwards a login, a phone number that WeChat proved, a place.

    {"id": "…", "at": 1795233600, "login": <answer of jscode2session>,
     "phone": <answer of getuserphonenumber>, "near": "s0001", "consented": ["phone", "place"]}

The answers of WeChat's servers stand in it as they came, so that nothing of them is mistyped; the
delivery is signed as `signatures.timed_in` says. A phone number of WeChat is proven, not typed.
What was not consented to is passed over. A place is the store near to which the shopper is: no
coordinates are taken, since nobody could take them back.

Source: developers.weixin.qq.com, code2Session and getPhoneNumber (phone_info, watermark).
"""

import msgspec

from cloud_sync.channels.delivery import SECOND_US, Delivery, event_id, named, read_json, wrong
from cloud_sync.intake.posted import Told
from wire.events import Arrival
from wire.topics import TopicError, check_name

SIGNATURE = "x-storebridge-signature"
# WeChat says when it vouched for a number; an older word is no proof of who holds the phone now.
VOUCHED_S_MAX = 3_600


class _Login(msgspec.Struct, frozen=True):
    openid: str
    unionid: str | None = None
    errcode: int = 0


class _Watermark(msgspec.Struct, frozen=True):
    timestamp: int
    appid: str


class _PhoneInfo(msgspec.Struct, frozen=True, rename="camel"):
    pure_phone_number: str
    country_code: str | int
    watermark: _Watermark


class _Phone(msgspec.Struct, frozen=True):
    phone_info: _PhoneInfo | None = None
    errcode: int = 0


class _Told(msgspec.Struct, frozen=True):
    id: str
    at: int
    login: _Login
    phone: _Phone | None = None
    near: str = ""
    consented: frozenset[str] = frozenset()


def read(delivery: Delivery) -> list[Told]:
    """Return the sign-in, and the place, that a delivery tells of.

    Raises PostRefusedError for one that is not of this form, or in which WeChat refused.
    """
    told = read_json(delivery, _Told)
    if told.login.errcode:
        raise wrong("login.errcode", f"WeChat refused the login: {told.login.errcode}")
    account = ("app", f"wechat:{told.login.unionid or told.login.openid}")
    phone = _proven(told, delivery.received_at) if "phone" in told.consented else None
    signed_in = Told(
        event_id=event_id(told.id, "in"),
        at=told.at * SECOND_US,
        identifiers=named(("phone", phone), account),
        body=Arrival(by="mini_program"),
    )
    if not told.near or "place" not in told.consented:
        return [signed_in]
    return [signed_in, _near(told, account)]


def _proven(told: _Told, now: int) -> str | None:
    if told.phone is None:
        return None
    info = told.phone.phone_info
    if told.phone.errcode or info is None:
        raise wrong("phone.errcode", f"WeChat gave no number: {told.phone.errcode}")
    if abs(now - info.watermark.timestamp * SECOND_US) > VOUCHED_S_MAX * SECOND_US:
        raise wrong("phone.phone_info.watermark.timestamp", f"over {VOUCHED_S_MAX} s from now")
    return f"+{info.country_code}{info.pure_phone_number}"


def _near(told: _Told, account: tuple[str, str]) -> Told:
    try:
        store = check_name(told.near)
    except TopicError as error:
        raise wrong("near", f"expected the name of a store: {error}") from error
    return Told(
        event_id=event_id(told.id, "near"),
        at=told.at * SECOND_US,
        identifiers=named(account),
        body=Arrival(by=f"near:{store}"),
    )
