"""`storebridge wire`: look at what crosses between a store and the cloud."""

import json
from pathlib import Path
from typing import Annotated

import typer

from storebridge.commands.answers import Answering, printable, refuse
from storebridge.named_file import named_file
from wire.codec import MESSAGE_BYTES_MAX, DecodeError, decode
from wire.plain import plain_message

app = typer.Typer(
    cls=Answering, help="What crosses between a store and the cloud.", no_args_is_help=True
)


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
        raise refuse(f"{file} cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise refuse(f"{file} holds no message of the wire: {error}") from error
    typer.echo(
        printable(
            json.dumps(plain_message(message), ensure_ascii=False, indent=None if as_json else 2)
        )
    )
