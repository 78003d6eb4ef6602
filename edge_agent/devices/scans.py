"""What a scan does in the store: it is recorded, begins or continues a visit, and is answered."""

from dataclasses import dataclass
from typing import Literal

from edge_agent import local_view
from edge_agent.clock import Instant
from edge_agent.codes import in_store, tokens
from edge_agent.codes.codes import Code
from edge_agent.codes.translate import Translated
from edge_agent.delivery.recorder import Writing
from edge_agent.devices import acts
from edge_agent.devices.acts import Actor
from edge_agent.places import Place, event_at
from edge_agent.till import till
from edge_agent.till.receipts import receipt
from edge_agent.visits import answers, visits, wallet
from edge_agent.visits.answers import Answer
from edge_agent.visits.visits import Visit
from hardware.codes.acceptance import Candidate, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A reader and the kiosk or till whose shopper it reads codes of (None: nobody's).

    `actors` are the devices there that act on the answers; receipts are written in `time_zone`
    and with the names of goods in the first of `languages` that there are.
    """

    place: Place
    store: str
    kiosk: Place | None = None
    role: Literal["kiosk", "till"] = "kiosk"
    actors: tuple[Actor, ...] = ()
    time_zone: str = "UTC"
    languages: tuple[str, ...] = ()


def take(
    writing: Writing,
    instant: Instant,
    spot: Spot,
    translated: Translated,
    *,
    confirmed: bool = False,
) -> Answer | None:
    """Record a scan with everything that follows from it, and answer it at the kiosk.

    One transaction: the event, the visit, the basket and the answer stand or fall together.
    `confirmed` says that the same was read before, and asked to be shown again.
    """
    translated = _weighed(writing, instant, translated, confirmed)
    code = translated.code
    if spot.kiosk is None:
        writing.append(
            event_at(spot.place, instant, translated.scan, identifiers=translated.identifiers)
        )
        return None
    visit = visits.current(writing.connection, spot.kiosk.device)
    if _shown_by_who_is_here(code, visit):
        return repeated(writing, instant, spot)
    if code.kind == "member" and not code.fault:
        visit = visits.begin(writing, instant, spot.kiosk, translated.identifiers)
    elif visit is not None:
        visits.touch(writing, instant, visit)
    _append_scan(writing, instant, spot, translated, visit)
    if code.fault:
        answer = Answer(kind=code.fault, at=instant.at)
    elif spot.role == "till":
        answer = _at_till(writing, instant, spot, spot.kiosk, code, visit)
    else:
        answer = _at_kiosk(writing, instant, spot, code, visit)
    if answer.kind != "paid":  # which asked already, with its receipt
        acts.ask(writing, instant, spot.actors, answer.kind)
    answers.put(writing, spot.kiosk.device, answer)
    return answer


def repeated(writing: Writing, instant: Instant, spot: Spot) -> Answer | None:
    """Answer a code that was shown again too soon; nothing is recorded of it.

    The thanks for a payment stay: whoever still holds up the code must not doubt that they paid.
    """
    if spot.kiosk is None:
        return None
    answer = Answer(kind="already_scanned", at=instant.at)
    before = answers.last(writing.connection, spot.kiosk.device)
    if before is None or before.kind != "paid":
        acts.ask(writing, instant, spot.actors, answer.kind)
        answers.put(writing, spot.kiosk.device, answer)
    return answer


def _weighed(
    writing: Writing, instant: Instant, translated: Translated, confirmed: bool
) -> Translated:
    """Hold a code against what the store knows; returns it refused where nothing may be done.

    What its reader is not sure of is asked for again, though the store sells it. Two readers can
    agree on a wrong number whose check digit is right, so a number that the store does not sell
    is asked for a second time before it is believed; one of those that are free for use within a
    store or country may be a stranger's card, and is never kept plain.
    """
    code = translated.code
    if code.fault:
        return translated

    def is_known(number: str) -> bool:
        return code.kind != "product" or local_view.product(writing.connection, number) is not None

    read = Candidate(number=code.subject, sure=translated.sure)
    verdict = judge(read, (), is_known)
    if verdict == "uncertain":
        return translated.refused("uncertain")
    if code.signed is not None:
        used = tokens.take(writing, instant, code.signed)
        return translated.refused(used) if used else translated
    if verdict == "accepted":
        return translated
    if code.way:
        return translated.refused("not_charged")
    if not confirmed:
        return translated.refused("uncertain")
    stranger = in_store.RESTRICTED.fullmatch(code.subject)
    return translated.refused("product_not_here") if stranger else translated


def _shown_by_who_is_here(code: Code, visit: Visit | None) -> bool:
    """Tell whether a token was used before by the very member whose visit goes on here."""
    return (
        code.fault == "token_used"
        and visit is not None
        and code.signed is not None
        and code.signed.kind == "member"
        and code.signed.identifier in visit.identifiers
    )


def _append_scan(
    writing: Writing, instant: Instant, spot: Spot, translated: Translated, visit: Visit | None
) -> None:
    product = translated.scan.product
    brand = local_view.brand(writing.connection, product) if product else ""
    writing.append(
        event_at(
            spot.place,
            instant,
            translated.scan,
            visit=b"" if visit is None else visit.visit,
            identifiers=() if visit is None else visit.identifiers,
            brand=brand,
        )
    )


def _at_kiosk(
    writing: Writing, instant: Instant, spot: Spot, code: Code, visit: Visit | None
) -> Answer:
    at = instant.at
    match code.kind:
        case "member":
            return Answer(kind="welcome", at=at)
        case "product":
            known = local_view.product(writing.connection, code.subject) is not None
            kind = "product" if known else "product_not_here"
            return Answer(kind=kind, at=at, product=code.subject)
        case "coupon":
            return _about_coupon(writing, at, code.subject, visit)
        case "store":
            return Answer(kind="store" if code.subject == spot.store else "store_other", at=at)
        case "page":
            return Answer(kind="page", at=at, page=code.subject)
        case "device":
            return Answer(kind="device", at=at)
        case "payment":
            return Answer(kind="wrong_kind", at=at)
        case "unknown":
            return Answer(kind="unknown_code", at=at)


def _at_till(
    writing: Writing,
    instant: Instant,
    spot: Spot,
    at_till: Place,
    code: Code,
    visit: Visit | None,
) -> Answer:
    at = instant.at
    match code.kind:
        case "member":
            return Answer(kind="welcome", at=at)
        case "product":
            kind = till.add(writing, instant, at_till, visit, code.subject, code.measure)
            return Answer(kind=kind, at=at, product=code.subject)
        case "coupon":
            answer = _about_coupon(writing, at, code.subject, visit)
            if visit is not None and till.counts_already(writing.connection, visit, code.subject):
                return Answer(kind="coupon", at=at, coupon=code.subject)
            if answer.kind == "coupon":
                till.add_coupon(writing, instant, at_till, code.subject)
            return answer
        case "payment":
            return _pay(writing, instant, spot, at_till, visit)
        case "store" | "page" | "device":
            return Answer(kind="wrong_kind", at=at)
        case "unknown":
            return Answer(kind="unknown_code", at=at)


def _pay(
    writing: Writing, instant: Instant, spot: Spot, at_till: Place, visit: Visit | None
) -> Answer:
    payment = till.pay(writing, instant, at_till, visit)
    if payment.basket is not None:
        text = receipt(
            payment.basket,
            payment.order,
            instant.at,
            time_zone=spot.time_zone,
            languages=spot.languages,
        )
        acts.ask(writing, instant, spot.actors, payment.kind, text)
    return Answer(kind=payment.kind, at=instant.at)


def _about_coupon(writing: Writing, at: int, coupon: str, visit: Visit | None) -> Answer:
    if visit is None or not visit.identifiers:
        return Answer(kind="member_first", at=at)
    for each in wallet.coupons(writing.connection, visit, at):
        if each.coupon == coupon:
            kind = "coupon_used" if each.state == "redeemed" else "coupon"
            return Answer(kind=kind, at=at, coupon=coupon)
    return Answer(kind="coupon_unknown", at=at)
