"""What is known of one shopper, and why: for the people who are asked about it.

Identifiers appear by their ids: what they were before they were keyed is known to nobody here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs
from psycopg import Connection

from cloud_sync.decisions.coupons import Coupon, coupons_of
from cloud_sync.identity.graph import Latest
from cloud_sync.identity.links import Demoted, Joined, LinkEvent, Undone
from cloud_sync.shoppers.graph import words
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.graph.regroup import linked_with, states_of
from cloud_sync.shoppers.profiles.profile import Profile, profiles_of
from cloud_sync.shoppers.profiles.stage import stage_of
from wire.identifiers import identifier_id, kind_of_id

Plain = dict[str, object]
"""What is written as JSON: times in µs UTC, money in cents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sitter:
    shopper: str
    identifiers: Sequence[str]
    shared: bool
    profile: Profile
    coupons: Sequence[Coupon]


def resolve(connection: Connection, tenant: str, named: str) -> str | None:
    """Return the current shopper ID for an identifier's id or an older shopper ID, if known."""
    state = states_of(connection, tenant, {named}).get(named)
    return None if state is None else state.shopper


def show(connection: Connection, tenant: str, shopper: str, now: int) -> Plain:
    """Return what is known of a shopper, given by the current shopper ID, at `now`."""
    sitter = _sitter(connection, tenant, shopper)
    profile = sitter.profile
    return {
        "shopper": shopper,
        "identifiers": [_named(each) for each in sitter.identifiers],
        "shared": sitter.shared,
        "consented": profile.consented,
        "stage": stage_of(profile, now).stage,
        "money": {currency: facts._asdict() for currency, facts in profile.money.items()},
        "stores": dict(profile.stores),
        "followed": list(profile.followed),
        "saved": sorted(product for product, facts in profile.products.items() if facts.saved),
        "products": len(profile.products),
        "coupons": [_coupon(each) for each in sitter.coupons],
    }


def explain(connection: Connection, tenant: str, shopper: str, now: int) -> Plain:
    """Return why a shopper is who they are: each link, word, stage and offer with its evidence."""
    sitter = _sitter(connection, tenant, shopper)
    linked = linked_with(connection, tenant, sitter.identifiers)
    said = words.read(connection, tenant, linked)
    staged = stage_of(sitter.profile, now)
    return {
        "shopper": shopper,
        "shared": sitter.shared,
        "identifiers": [
            {**_named(each), "links": _links(connection, tenant, each)}
            for each in sitter.identifiers
        ],
        "said": [_word(each) for each in said],
        "apart": _apart(linked - set(sitter.identifiers), said),
        "stage": {
            "stage": staged.stage,
            "because": [structs.asdict(each) for each in staged.because],
        },
        "offers": [{**_coupon(each), "because": _because(each)} for each in sitter.coupons],
    }


def _sitter(connection: Connection, tenant: str, shopper: str) -> _Sitter:
    key = (tenant, shopper)
    members = members_of(connection, [key])
    profile = profiles_of(connection, members)[key]
    return _Sitter(
        shopper=shopper,
        identifiers=[identifier_id(each) for each in members[key]],
        shared=profile.shared,
        profile=profile,
        coupons=coupons_of(connection, members)[key],
    )


def _links(connection: Connection, tenant: str, identifier: str) -> list[Plain]:
    """Return the evidence that linked an identifier with stronger ones, by kind and source."""
    rows = connection.execute(
        "SELECT other, evidence, source, count(*), min(occurred_at), max(occurred_at) FROM link"
        " WHERE tenant = %s AND identifier = %s GROUP BY 1, 2, 3 ORDER BY 5, 1, 2, 3",
        (tenant, identifier),
    )
    return [
        {
            "with": _named(other.hex),
            "evidence": evidence,
            "source": source,
            "times": times,
            "first_at": first_at,
            "last_at": last_at,
        }
        for other, evidence, source, times, first_at, last_at in rows
    ]


def _apart(others: set[str], said: Sequence[LinkEvent]) -> list[Plain]:
    """Return what is linked with a shopper and yet not theirs, with what was said of it last."""
    latest = Latest(said)
    found: list[Plain] = []
    for each in sorted(others):
        demoted = latest.demotions.get(each)
        reasons = [demoted.because] if demoted and demoted.demoted else []
        reasons += [
            word.because
            for pair, word in sorted(latest.undone.items())
            if word.undone and each in pair.split("+")
        ]
        found.append({**_named(each), "because": reasons})
    return found


def _word(event: LinkEvent) -> Plain:
    match event:
        case Joined(one=one, other=other):
            about, word = [one, other], "joined"
        case Undone(join=pair, undone=undone):
            about, word = pair.split("+"), "not one" if undone else "may be one"
        case Demoted(identifier=one, demoted=demoted):
            about, word = [one], "used by many" if demoted else "one person's"
        case _:
            return {"word": "erased", "about": [_named(event.identifier)], "at": event.at}
    return {
        "word": word,
        "about": [_named(each) for each in about],
        "because": event.because,
        "source": event.source,
        "at": event.at,
    }


def _named(identifier: str) -> Plain:
    return {"id": identifier, "kind": kind_of_id(identifier)}


def _coupon(coupon: Coupon) -> Plain:
    return {
        "coupon": coupon.coupon,
        "offer": coupon.offer,
        "product": coupon.product,
        "percent": coupon.percent,
        "state": coupon.state,
        "issued_at": coupon.issued_at,
        "expires_at": coupon.expires_at,
    }


def _because(coupon: Coupon) -> Plain:
    return {
        "reason": coupon.reason,
        "product": coupon.product,
        "channel": coupon.channel,
        "at": coupon.because_at,
    }
