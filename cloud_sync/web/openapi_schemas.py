"""The schemas of what the HTTP API answers, and of what is sent that no shared struct describes."""

from collections.abc import Mapping
from typing import Any

from cloud_sync.channels.goods import PRODUCTS_PER_QUESTION_MAX
from cloud_sync.intake.posted import IDENTIFIERS_MAX
from wire.identifiers import IDENTIFIER_KINDS

Schema = dict[str, Any]


def object_of(
    required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None
) -> Schema:
    """Return the schema of an object with these fields."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


def list_of(of: Schema, **limits: int) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": of, **limits}


def ref(name: str) -> Schema:
    """Return a reference to a schema of the description."""
    return {"$ref": f"#/components/schemas/{name}"}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "integer", "description": "µs since 1970 UTC"}
ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
ID_OR_NONE: Schema = {"type": ["string", "null"], "pattern": "^[0-9a-f]{32}$"}

_COUPON = {
    "coupon": TEXT,
    "offer": TEXT,
    "product": TEXT,
    "percent": NUMBER,
    "state": {"enum": ["offered", "claimed", "redeemed"]},
    "expires_at": TIME,
}
_NAMED = {"id": ID, "kind": {"enum": list(IDENTIFIER_KINDS)}}
_WHO: Schema = {"type": "object", "additionalProperties": ID_OR_NONE}
_PROPOSAL = {
    "proposal": TEXT,
    "one": ID,
    "other": ID,
    "one_kind": TEXT,
    "other_kind": TEXT,
    "confidence": {"enum": ["exact", "strict", "loose"]},
    "chance": {"type": "number"},
    "worth": NUMBER,
    "because": {"type": "object"},
    "made_at": TIME,
    "expires_at": TIME,
    "state": {"enum": ["open", "joined", "apart", "expired"]},
    "decided_at": {"type": ["integer", "null"]},
    "decided_by": TEXT,
    "decided_because": TEXT,
}
_STAGE: Schema = {"enum": ["awareness", "interest", "purchase", "loyalty"]}

ANSWERS: Mapping[str, Schema] = {
    "Description": {"type": "object"},
    "Refusal": object_of(
        {
            "error": object_of(
                {"message": TEXT, "fields": list_of(object_of({"field": TEXT, "message": TEXT}))},
                {"reason": TEXT, "store": TEXT, "left": {"type": ["string", "integer"]}},
            )
        }
    ),
    "Accepted": object_of(
        {"accepted": NUMBER, "repeated": NUMBER},
        {"ignored": list_of(object_of({"field": TEXT, "message": TEXT}))},
    ),
    "Kept": object_of({"accepted": NUMBER, "repeated": NUMBER}),
    "Spent": object_of({"points": NUMBER, "left": NUMBER, "repeated": FLAG}),
    "Goods": object_of(
        {
            "products": list_of(
                object_of(
                    {
                        "product": TEXT,
                        "name": TEXTS,
                        "brand": TEXT,
                        "category": TEXT,
                        "price_cents": NUMBER,
                        "currency": TEXT,
                        "image": TEXT,
                        "about": TEXTS,
                        "low_stock": NUMBER,
                    }
                )
            )
        }
    ),
    "Stock": object_of(
        {
            "stock": {
                "type": "object",
                "additionalProperties": list_of(
                    object_of({"store": TEXT, "quantity": NUMBER, "counted_at": TIME})
                ),
            }
        }
    ),
    "Claim": object_of({"claim": TEXT, "code": TEXT, "expires_at": TIME}),
    "Proven": object_of({"proven": {"const": True}}),
    "Script": TEXT,
    "Consents": object_of(
        {
            "consents": {
                "type": "object",
                "additionalProperties": object_of(
                    {
                        "given": FLAG,
                        "by": {"enum": ["shopper", "terms"]},
                        "said_at": TIME,
                        "version": TEXT,
                        "via": TEXT,
                        "place": TEXT,
                    }
                ),
            }
        }
    ),
    "Everything": object_of(
        {
            "shopper": TEXT,
            "asked_at": {"type": "string", "format": "date-time"},
            "identifiers": list_of({"type": "object"}),
            "consents": {"type": "object"},
            "events": list_of({"type": "object"}),
            "events_left_out": FLAG,
        }
    ),
    "Erasure": object_of({"erasure": TEXT, "erased_at": TIME, "rows": NUMBER}),
    "Because": object_of(
        {"reason": TEXT, "product": TEXT, "channel": TEXT, "at": TIME},
        {"category": TEXT, "count": NUMBER},
    ),
    "ChannelView": object_of(
        {
            "shopper": TEXT,
            "known": FLAG,
            "consented": FLAG,
            "stage": _STAGE,
            "because": ref("Because"),
            "coupons": list_of(
                object_of({**_COUPON, "because": ref("Because"), "held_by": TEXT, "brand": TEXT})
            ),
            "recommended": list_of(object_of({"product": TEXT, "because": ref("Because")})),
            "saved": list_of(TEXT),
            "followed": list_of(TEXT),
            "decided_at": TIME,
        }
    ),
    "Redeemed": object_of({"coupon": TEXT, "order": TEXT, "repeated": FLAG}),
    "Token": object_of({"token": TEXT, "expires_at": TIME, "renew_at": TIME}),
    "FoundShoppers": object_of(
        {"shoppers": list_of(object_of({"identifier": ID, "shopper": ID_OR_NONE}))}
    ),
    "Coupon": object_of({**_COUPON, "issued_at": TIME}, {"because": ref("Because")}),
    "Shopper": object_of(
        {
            "shopper": ID,
            "identifiers": list_of(object_of(_NAMED)),
            "shared": FLAG,
            "consented": FLAG,
            "stage": _STAGE,
            "money": {
                "type": "object",
                "additionalProperties": object_of(
                    {"orders": NUMBER, "paid_cents": NUMBER, "refunded_cents": NUMBER}
                ),
            },
            "stores": {"type": "object", "additionalProperties": TIME},
            "followed": list_of(TEXT),
            "saved": list_of(TEXT),
            "products": NUMBER,
            "coupons": list_of(ref("Coupon")),
        }
    ),
    "Link": object_of(
        {
            "with": object_of(_NAMED),
            "evidence": TEXT,
            "source": TEXT,
            "times": NUMBER,
            "first_at": TIME,
            "last_at": TIME,
        }
    ),
    "Explanation": object_of(
        {
            "shopper": ID,
            "shared": FLAG,
            "identifiers": list_of(object_of({**_NAMED, "links": list_of(ref("Link"))})),
            "said": list_of(
                object_of(
                    {"word": TEXT, "about": list_of(object_of(_NAMED)), "at": TIME},
                    {"because": TEXT, "source": TEXT},
                )
            ),
            "apart": list_of(object_of({**_NAMED, "because": list_of(TEXT)})),
            "stage": object_of({"stage": _STAGE, "because": list_of(ref("Because"))}),
            "offers": list_of(ref("Coupon")),
        }
    ),
    "Reviews": object_of(
        {
            "proposals": list_of(object_of(_PROPOSAL)),
            **dict.fromkeys(("waiting", "decided", "a_day", "days"), NUMBER),
        }
    ),
    "Review": object_of(
        {
            **_PROPOSAL,
            "shoppers": _WHO,
            "records": {
                "type": "object",
                "additionalProperties": list_of(
                    object_of({"source": TEXT, "said": {"type": "object"}})
                ),
            },
        }
    ),
    "Reviewed": object_of({**_PROPOSAL, "shoppers": _WHO}),
    "Said": object_of(
        {
            "changed": list_of(ID),
            "shoppers": {"type": "object", "additionalProperties": ID_OR_NONE},
        }
    ),
}
# What is read by structs that only their routes know, or by each channel in its own way.
SENT_BESIDE: Mapping[str, Schema] = {
    "AskedForStock": {
        **object_of(
            {
                "products": list_of(
                    {"type": "string", "minLength": 1, "maxLength": 64},
                    maxItems=PRODUCTS_PER_QUESTION_MAX,
                )
            }
        ),
        "additionalProperties": False,
    },
    "AskedToClaim": {
        **object_of(
            {
                "kind": {"enum": ["phone", "email"]},
                "value": {"type": "string", "maxLength": 200},
                "identifiers": list_of(ref("Named"), maxItems=IDENTIFIERS_MAX - 1),
            }
        ),
        "additionalProperties": False,
    },
    "AskedToProve": {
        **object_of({"code": {"type": "string", "maxLength": 20}}),
        "additionalProperties": False,
    },
    "Delivery": {"description": "As the channel's own documentation says"},
}
