"""How commands say what went wrong: in words, or as JSON where JSON was asked for."""

import json
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, also where something is wrong.")]
AS_JSON = "--json"
# What a command could not do at all, as a wrong word on the command line.
NOT_POSSIBLE = 2


class Refusal(typer.Exit):
    """A command ends without having done what it was asked for; the message says why."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(code)
        self.message = message


class Answering(TyperGroup):
    """Commands whose ends are told in one form, whether they or the command line are at fault.

    In words they go to the standard error; whoever asked for JSON finds `{"error": "…"}` where the
    answer would have been. The exit code stays what it is.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note whether JSON is asked for: what is wrong may come before that option is read."""
        ctx.meta[AS_JSON] = AS_JSON in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and tell how it ended where it did not do what it was asked for."""
        as_json: bool = ctx.meta[AS_JSON]
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            tell(refusal.message, as_json=as_json)
            raise typer.Exit(refusal.exit_code) from refusal
        except TyperException as error:
            if not as_json:
                raise
            tell(error.format_message(), as_json=True)
            raise typer.Exit(error.exit_code) from error


def refuse(message: str, code: int = 1) -> Refusal:
    """Return the end of a command, to be raised, with what happened, to what, and what to do."""
    return Refusal(message, code)


def tell(message: str, *, as_json: bool) -> None:
    """Say what went wrong."""
    if as_json:
        typer.echo(printable(json.dumps({"error": message}, ensure_ascii=False)))
    else:
        typer.echo(printable(message), err=True)


def printable(text: str) -> str:
    """Escape what could move the cursor or change the terminal that shows the text."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1]
        for letter in text
    )
