"""`storebridge model`: the models with which cameras know people."""

import json
from pathlib import Path
from typing import Annotated

import typer

from storebridge.commands.answers import NOT_POSSIBLE, Answering, refuse
from storebridge.named_file import named_file

app = typer.Typer(
    cls=Answering, no_args_is_help=True, help="The models with which cameras know people."
)


@app.command()
def add(
    file: Annotated[
        Path,
        typer.Argument(help="An ONNX file of a YOLOX model.", parser=named_file, metavar="FILE"),
    ],
    sha256: Annotated[
        str, typer.Option(help="Its digest, for a model that is not a known one.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check a model's digest, try it, and keep it where cameras find it by its name."""
    from hardware.driver import DeviceError
    from hardware.people.models import add_model
    from hardware.people.yolox import YoloxModel

    try:
        YoloxModel(file)
        added = add_model(file, sha256)
    except DeviceError as error:
        raise refuse(f"Nothing was added: {error}", NOT_POSSIBLE) from None
    if as_json:
        typer.echo(json.dumps({"name": added.stem, "file": str(added)}))
        return
    typer.echo(f"{added.stem} was added as {added}; cameras use it by this name.")


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the known models, and which of them are here."""
    from hardware.people.models import KNOWN_MODELS, model_folder

    folder = model_folder()
    here = {path.stem for path in folder.glob("*.onnx")} if folder.is_dir() else set()
    for name in sorted({*KNOWN_MODELS, *here}):
        known = KNOWN_MODELS.get(name)
        what = "added by its digest" if known is None else f"{known.what} ({known.licence})"
        if as_json:
            typer.echo(json.dumps({"name": name, "added": name in here, "what": what}))
        else:
            typer.echo(f"{name}: {'added' if name in here else 'not here'}; {what}")
