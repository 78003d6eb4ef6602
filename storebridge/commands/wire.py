"""`storebridge wire`: look at what crosses between a store and the cloud."""

import json
from pathlib import Path
from typing import Annotated

import typer

from storebridge.named_file import named_file
from wire.codec import MESSAGE_BYTES_MAX, DecodeError, decode
from wire.plain import plain_message

app = typer.Typer(help="What crosses between a store and the cloud.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Look at what crosses between a store and the cloud."""


@app.command("decode")
def decode_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="The payload of one MQTT message, as captured.", parser=named_file, metavar="FILE"
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="In one line, and what is wrong as JSON, too.")
    ] = False,
) -> None:
    """Print a captured message as JSON, its events and views included."""
    try:
        with file.open("rb") as captured:
            payload = captured.read(MESSAGE_BYTES_MAX + 1)
        message = decode(payload)
    except OSError as error:
        raise refusal(f"{file} cannot be read: {error.strerror}", as_json=as_json) from error
    except DecodeError as error:
        raise refusal(f"{file} holds no message of the wire: {error}", as_json=as_json) from error
    typer.echo(
        printable(
            json.dumps(plain_message(message), ensure_ascii=False, indent=None if as_json else 2)
        )
    )


def refusal(reason: str, *, as_json: bool = False) -> typer.Exit:
    """Print in one line why nothing can be shown, and return the exit that says so.

    Whoever asked for JSON finds it where the answer would have been.
    """
    line = printable(reason).replace("\n", " ")
    typer.echo(
        json.dumps({"error": line}, ensure_ascii=False) if as_json else line, err=not as_json
    )
    return typer.Exit(1)


def printable(text: str) -> str:
    """Escape what could move the cursor or change the terminal that shows the text."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1]
        for letter in text
    )
