"""Turns the reading of a code into what is recorded of it: keyed, sealed, and nothing plain."""

from dataclasses import dataclass, field, replace

import msgspec

from edge_agent.codes.codes import UNKNOWN, Code, Fault, Rules, announced, understand
from edge_agent.codes.seal import SealKey, seal
from hardware.readings import CodeReading
from wire.events import Scan
from wire.identifiers import Identifier, IdentifierError, key_identifier

SYMBOLOGY_CHARACTERS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What codes are read with: the tenant's key, the store's seal, and what means what."""

    identifier_key: bytes = field(repr=False)
    seal: SealKey
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """A code as it may be recorded.

    `code` holds no plain membership code any more; `identifiers` name the member who showed it.
    `sure` is False where the reader could not make sure what it says. `if_refused` is what is
    recorded instead when nothing may be done on the code: it names neither member nor product.
    """

    scan: Scan
    code: Code
    if_refused: Scan
    sure: bool = True
    identifiers: tuple[Identifier, ...] = ()

    def refused(self, fault: Fault) -> "Translated":
        """Return this as it is recorded when nothing may be done on the code, with the reason."""
        scan = msgspec.structs.replace(self.if_refused, fault=fault)
        return Translated(
            scan=scan, code=replace(self.code, fault=fault), if_refused=self.if_refused
        )


def translate(reading: CodeReading, keys: Keys, *, nonce: bytes) -> Translated:
    """Translate the reading of a code; never raises, whatever the code holds.

    `nonce` is fresh for every reading (see `seal`).
    """
    code = understand(announced(reading.data, reading.aim_id), keys.rules, reading.symbology)
    identifiers: tuple[Identifier, ...] = ()
    if code.kind == "member":
        try:
            identifiers = (_identifier(code, keys.identifier_key),)
            code = replace(code, subject="")
        except IdentifierError:
            code = UNKNOWN
    symbology = reading.symbology[:SYMBOLOGY_CHARACTERS_MAX]
    translated = Translated(
        scan=_scan(code, symbology),
        code=code,
        if_refused=_refused(code, symbology, reading.data, keys.seal, nonce),
        sure=reading.sure,
        identifiers=identifiers,
    )
    return translated.refused(code.fault) if code.fault else translated


def unread(fault: Fault) -> Translated:
    """Return what is recorded of something that was shown and holds no code to be read."""
    code = Code(kind="unknown", fault=fault)
    scan = Scan(code_kind="unknown", symbology="", fault=fault)
    return Translated(scan=scan, code=code, if_refused=scan)


def _identifier(code: Code, key: bytes) -> Identifier:
    if code.signed is not None:
        return code.signed.identifier
    return key_identifier("member", code.subject, key=key)


def _scan(code: Code, symbology: str) -> Scan:
    return Scan(
        code_kind=code.kind,
        symbology=symbology,
        product=code.subject if code.kind == "product" else "",
        coupon=code.subject if code.kind == "coupon" else "",
    )


def _refused(code: Code, symbology: str, raw: bytes, key: SealKey, nonce: bytes) -> Scan:
    """Return the scan of a code on which nothing may be done.

    Its bytes are kept sealed, so that a misread number or a stranger's card can be looked into;
    not those of codes that could be used by whoever opens the seal, nor of those that say nothing
    but what kind they are.
    """
    if code.way or code.kind == "payment":
        return Scan(code_kind="payment", symbology=symbology)
    if code.signed is not None:
        return Scan(code_kind=code.kind, symbology=symbology)
    return Scan(
        code_kind=code.kind,
        symbology=symbology,
        sealed=seal(key, raw, nonce=nonce),
        sealed_key=key.name,
    )
