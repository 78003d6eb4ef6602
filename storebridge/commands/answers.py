"""How commands answer: as JSON where that was asked for, errors included, else in words."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, also where something is wrong.")]


@contextmanager
def answering(as_json: bool) -> Iterator[None]:
    """Let what ends a command early be told as JSON, `{"error": {"message": …}}`, if asked for.

    The exit code stays what it is.
    """
    if not as_json:
        yield
        return
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            yield
    except typer.BadParameter as error:
        _tell(error.message)
        raise typer.Exit(error.exit_code) from error
    except typer.Exit as error:
        if error.exit_code:
            _tell(told.getvalue().strip())
        raise


def refuse(message: str, code: int = 1) -> typer.Exit:
    """Say what went wrong, and return the end of the command, to be raised."""
    typer.echo(message, err=True)
    return typer.Exit(code)


def _tell(message: str) -> None:
    typer.echo(json.dumps({"error": {"message": message}}, ensure_ascii=False))
