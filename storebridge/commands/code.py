"""`storebridge code`: make signed codes, and say what any code means."""

import json
import os
import secrets
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storebridge.commands.answers import Answering, printable, refuse
from storebridge.named_file import named_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from edge_agent.codes.codes import Code, Rules
    from wire.signed import SignedKind

IDENTIFIER_KEY = "STOREBRIDGE_IDENTIFIER_KEY"
PIXELS_A_MODULE = 8

app = typer.Typer(
    cls=Answering, help="Codes that the tenant signs, and what codes mean.", no_args_is_help=True
)


@app.callback()
def main() -> None:
    """Make signed codes, and say what any code means."""


@app.command("key")
def make_key(
    file: Annotated[
        Path,
        typer.Argument(
            help="Where the private key is written; keep it safe.",
            parser=named_file,
            metavar="FILE",
        ),
    ],
) -> None:
    """Make a key that codes are signed with, and print the public key for `codes.public_keys`."""
    from cloud_sync.codes.signing_key import SigningKeyError, make_signing_key

    try:
        typer.echo(make_signing_key(file))
    except SigningKeyError as error:
        raise refuse(str(error)) from error


@app.command()
def make(
    kind: Annotated[str, typer.Argument(help="member, coupon, store, device, page or payment.")],
    subject: Annotated[str, typer.Argument(help="The member's code, or the name it is about.")],
    key: Annotated[
        Path, typer.Option(help="The file of the private key.", parser=named_file, metavar="FILE")
    ],
    lifetime: Annotated[int, typer.Option(help="How long it holds, in s; 0: for good.")] = 0,
    image: Annotated[
        Path | None,
        typer.Option(
            help="Also draw it as a QR code: a file .svg or .png.",
            parser=named_file,
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Make a signed code and print its text; a member's holds the keyed identifier alone.

    The identifier key is taken from the environment, from STOREBRIDGE_IDENTIFIER_KEY.
    """
    from wire.signed import NUMBER_BYTES, SIGNED_KINDS, SignedCode, SignedCodeError, sign

    if kind not in SIGNED_KINDS:
        raise refuse(f"{kind!r} is no kind of code; known: {', '.join(SIGNED_KINDS)}")
    signed_kind: SignedKind = kind
    code = SignedCode(
        kind=signed_kind,
        subject=_keyed(subject) if kind == "member" else subject,
        issued_at_s=int(time.time()),
        lifetime_s=lifetime,
        number=secrets.token_bytes(NUMBER_BYTES),
    )
    try:
        text = sign(code, _private_key(key))
    except SignedCodeError as error:
        raise refuse(f"this code cannot be made: {error}") from error
    if image is not None:
        _draw(text, image)
    typer.echo(text)


@app.command()
def read(
    text: Annotated[str, typer.Argument(help="What the code says; - reads it from the input.")],
    config: Annotated[
        Path | None,
        typer.Option(
            help="Read it as the store of this TOML file would.", parser=named_file, metavar="FILE"
        ),
    ] = None,
    public_key: Annotated[
        list[str] | None, typer.Option(help="A public key that codes are signed for.")
    ] = None,
    symbology: Annotated[str, typer.Option(help="Of what make it is, such as EAN-13.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say what a code means; what could be paid with is not repeated.

    Keys that headquarters sent to a store are not in its file: name them with --public-key.
    """
    from edge_agent.codes.codes import understand

    raw = sys.stdin.buffer.read().rstrip(b"\r\n") if text == "-" else text.encode()
    meaning = meaning_of(understand(raw, _rules(config, public_key or []), symbology))
    if as_json:
        typer.echo(json.dumps(meaning, ensure_ascii=False))
        return
    for name, value in meaning.items():
        typer.echo(printable(f"{name}: {value}"))


def meaning_of(code: "Code") -> dict[str, object]:
    """Return what a code means, ready to be printed; what is empty is left out."""
    found: dict[str, object] = {
        "kind": code.kind,
        "subject": code.subject,
        "fault": code.fault,
        "way": code.way,
    }
    if (measure := code.measure) is not None:
        found |= {
            "price": None if measure.price is None else str(measure.price),
            "price_cents": measure.price_cents,
            "currency": measure.currency,
            "weight_g": measure.weight_g,
            "pieces": measure.pieces,
        }
    if (signed := code.signed) is not None:
        expires_s = signed.expires_at_s
        found |= {
            "identifier": signed.identifier.key if signed.kind == "member" else "",
            "signer": signed.signer.hex(),
            "issued_at": _iso(signed.issued_at_s),
            "expires_at": "never" if expires_s is None else _iso(expires_s),
            "counts": "once" if signed.is_token else "each time",
        }
    return {name: value for name, value in found.items() if value not in {"", None}}


def _rules(config: Path | None, public_keys: list[str]) -> "Rules":
    from dataclasses import replace

    from edge_agent.codes.codes import Rules
    from edge_agent.config import ConfigError, load
    from wire.signed import signers_of

    try:
        rules = Rules() if config is None else load(config, os.environ).codes.rules
        sent = signers_of(public_keys)
    except ConfigError as error:
        raise refuse(str(error)) from error
    except ValueError as error:
        raise refuse("a public key has 64 hexadecimal digits") from error
    return replace(rules, signers={**rules.signers, **sent})


def _keyed(plain: str) -> str:
    """Return the keyed identifier of a membership code in hexadecimal digits."""
    from settings.checks import Expected
    from settings.checks import key as checked
    from wire.identifiers import IdentifierError, key_identifier

    try:
        key = checked(os.environ.get(IDENTIFIER_KEY))
        return key_identifier("member", plain, key=key).value.hex()
    except Expected as error:
        raise refuse(f"the environment's {IDENTIFIER_KEY} is not {error}") from error
    except IdentifierError as error:
        raise refuse(f"{error}") from error


def _private_key(file: Path) -> "Ed25519PrivateKey":
    from cloud_sync.codes.signing_key import SigningKeyError, read_signing_key

    try:
        return read_signing_key(file)
    except SigningKeyError as error:
        raise refuse(str(error)) from error


def _draw(text: str, image: Path) -> None:
    import segno

    if image.suffix not in {".svg", ".png"}:
        raise refuse(f"{image} is neither .svg nor .png")
    try:
        code = segno.make_qr(text, error="m", boost_error=False)
        code.save(str(image), scale=PIXELS_A_MODULE, border=4)
    except OSError as error:
        raise refuse(f"{image} cannot be written: {error.strerror}") from error


def _iso(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")
