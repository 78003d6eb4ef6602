"""What rows of a list say of the person: names and places to compare, and what was agreed to."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from cloud_sync.intake.posted import PostedEvent, Told
from cloud_sync.review.records import VALUE_CHARACTERS_MAX, PersonRecord
from wire.events import Consent
from wire.identifiers import IDENTIFIER_RANKS, key_identifier

# Our names of the columns that say who somebody is, with the other names that they go by.
PERSON: Mapping[str, tuple[str, ...]] = {
    "full_name": ("customer_name", "member_name", "姓名"),
    "first_name": ("given_name", "forename", "名"),
    "last_name": ("surname", "family_name", "姓"),
    "birth_date": ("date_of_birth", "dob", "birthday", "birthdate", "生日", "出生日期"),
    "postcode": ("postal_code", "post_code", "zip", "zip_code", "邮编", "邮政编码"),
    "city": ("town", "城市"),
    "address": ("street", "street_address", "地址"),
}
# On a list of members that is one more; in orders it may be the order's own, or a product's.
NAME_OF_MEMBER = ("name", "名字")
# What may have been agreed to. The first is what most lists have one column for.
CONSENT: Mapping[str, tuple[str, ...]] = {
    "marketing": ("marketing_consent", "consent", "opt_in", "agreed", "同意营销", "营销同意"),
    "consent_offers": (),
    "consent_profiling": (),
    "consent_push": (),
    "consent_sharing": (),
    "consent_at": ("consented_at", "opt_in_at", "同意时间"),
    "consent_version": ("terms_version", "同意版本"),
    "consent_place": ("consented_in", "同意地点"),
}
# Column → the purposes of which it tells; see shoppers/consent/consents.py.
PURPOSES_OF: Mapping[str, tuple[str, ...]] = {
    "marketing": ("offers", "push"),
    "consent_offers": ("offers",),
    "consent_profiling": ("profiling",),
    "consent_push": ("push",),
    "consent_sharing": ("sharing",),
}
YES = frozenset({"yes", "y", "true", "t", "1", "x", "是", "同意", "已同意"})
NO = frozenset({"no", "n", "false", "f", "0", "否", "不同意", "未同意"})

Values = Mapping[str, str]
Named = Sequence[tuple[str, str]]


class PersonError(ValueError):
    """What a row says of a person cannot be read; the message repeats nothing of it."""


def said_of(row: Values, named: Named) -> dict[str, str]:
    """Return what a row says that records are compared by; nothing where it has no name.

    A number alone is an identifier, which needs no comparing.
    """
    name = row["full_name"] or " ".join(
        part for part in (row["first_name"], row["last_name"]) if part
    )
    if not name:
        return {}
    plain = {kind.removeprefix("claimed_"): value for kind, value in named}
    found = {
        "name": name,
        **{column: row[column] for column in ("birth_date", "postcode", "city", "address")},
        **{kind: plain.get(kind, "") for kind in ("phone", "email")},
    }
    return {column: value[:VALUE_CHARACTERS_MAX] for column, value in found.items() if value}


def typed_identifier(said: Mapping[str, str], source: str, key: bytes) -> tuple[str, str]:
    """Return the identifier, still plain, of somebody known by what was typed alone.

    Who types the same again at the same source has the same.
    """
    text = "\x00".join(f"{column}\x01{' '.join(said[column].split()).casefold()}" for column in
                       sorted(said))  # fmt: skip
    digest = hashlib.blake2b(f"{source}\x00{text}".encode(), key=key, digest_size=16).hexdigest()
    return "record", digest


def is_named(named: Named) -> bool:
    """Tell whether one of some identifiers names a person, and is not only typed."""
    return any(kind in IDENTIFIER_RANKS for kind, _ in named)


def record_of(
    said: Mapping[str, str], event: PostedEvent, named: Named, source: str, key: bytes
) -> PersonRecord | None:
    """Return the record of a row under the strongest identifier of its event."""
    known = [each for each in event.event.identifiers if each.kind in IDENTIFIER_RANKS]
    if not said or not known:
        return None
    return PersonRecord(
        identifier=min(known, key=lambda each: (IDENTIFIER_RANKS[each.kind], each.value)),
        source=source,
        said=said,
        keyed=[key_identifier(kind, plain, key=key) for kind, plain in named],
    )


def consents_of(
    row: Values,
    named: Named,
    event_id: str,
    at: Callable[[str], int],
    *,
    since: int,
    now: int,
    source: str,
) -> list[Told]:
    """Return what a row says that somebody agreed to or refused, each purpose by itself.

    A yes counts from when it was given, else from when they joined (`since`, 0 where that is not
    known): one without a time might undo a withdrawal that came later. Raises PersonError.
    """
    said: dict[str, bool] = {}
    for column, purposes in PURPOSES_OF.items():
        if text := row[column].strip().casefold():
            if text not in YES | NO:
                raise PersonError(f"{column}: expected yes, no or nothing")
            said |= dict.fromkeys(purposes, text in YES)
    if not said:
        return []
    given_at = at("consent_at") if row["consent_at"] else since
    if not given_at and any(said.values()):
        raise PersonError("consent_at: a consent needs its time, or joined_at")
    return [
        Told(
            event_id=_id(event_id, purpose, given, given_at, row["consent_version"]),
            at=given_at or now,
            body=Consent(
                purpose=purpose,
                given=given,
                version=row["consent_version"][:64],
                via=source,
                place=row["consent_place"][:64],
            ),
            identifiers=named,
        )
        for purpose, given in sorted(said.items())
    ]


def _id(event_id: str, *said: object) -> str:
    """Return the id of a word: a list that says something else the next time says it anew."""
    text = "\x00".join(map(str, (event_id, *said)))
    return f"consent-{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"
