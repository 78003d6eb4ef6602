"""Turns the reading of a code into what is recorded of it: keyed, sealed, and nothing plain."""

import re
from dataclasses import dataclass, field

from edge_agent.codes import Code, understand
from edge_agent.seal import SealKey, seal
from hardware.readings import CodeReading
from wire.events import Scan
from wire.identifiers import Identifier, IdentifierError, key_identifier

SYMBOLOGY_CHARACTERS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What codes are read with: the tenant's key, the store's seal, the patterns of members."""

    identifier_key: bytes = field(repr=False)
    seal: SealKey
    member_patterns: tuple[re.Pattern[str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """A code as it may be recorded.

    `code` holds no plain membership code any more; `identifiers` name the member who showed it.
    """

    scan: Scan
    code: Code
    identifiers: tuple[Identifier, ...] = ()


def translate(reading: CodeReading, keys: Keys, *, nonce: bytes) -> Translated:
    """Translate the reading of a code; never raises, whatever the code holds.

    `nonce` is fresh for every reading (see `seal`).
    """
    code = understand(reading.data, keys.member_patterns)
    symbology = reading.symbology[:SYMBOLOGY_CHARACTERS_MAX]
    match code.kind:
        case "member":
            try:
                identifier = key_identifier("member", code.subject, key=keys.identifier_key)
            except IdentifierError:
                return _unknown(reading.data, symbology, Code(kind="unknown"), keys, nonce)
            scan = Scan(code_kind="member", symbology=symbology)
            return Translated(scan=scan, code=Code(kind="member"), identifiers=(identifier,))
        case "product":
            scan = Scan(code_kind="product", symbology=symbology, product=code.subject)
        case "coupon":
            scan = Scan(code_kind="coupon", symbology=symbology, coupon=code.subject)
        case "store" | "page" | "payment":
            scan = Scan(code_kind=code.kind, symbology=symbology)
        case "unknown":
            return _unknown(reading.data, symbology, code, keys, nonce)
    return Translated(scan=scan, code=code)


def _unknown(raw: bytes, symbology: str, code: Code, keys: Keys, nonce: bytes) -> Translated:
    scan = Scan(
        code_kind="unknown",
        symbology=symbology,
        sealed=seal(keys.seal, raw, nonce=nonce),
        sealed_key=keys.seal.name,
    )
    fault = code.fault or "unknown_code"
    return Translated(scan=scan, code=Code(kind="unknown", fault=fault))
