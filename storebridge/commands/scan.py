"""`storebridge scan`: reads the codes in image files, as a camera lane would."""

import base64
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track

if TYPE_CHECKING:
    from hardware.decoder import Decoded, Decoder

app = typer.Typer()

# Bytes that are no UTF-8 are shown as Japanese, which QR codes of that make still are, or byte by
# byte; `bytes_b64` always holds what the code really says.
ENCODINGS = ("utf-8", "shift_jis", "latin-1")


@app.command()
def scan(
    paths: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each file.")] = False,
) -> None:
    """Read the codes in image files; a file that is no image is reported, and the rest go on."""
    from hardware.decoders import DECODERS
    from hardware.readings import SYMBOLOGIES

    decoder = DECODERS["zbar"]([name for name in SYMBOLOGIES if name])
    console = Console(stderr=True)
    files = list(_files(paths))
    shown = track(files, "reading", console=console, disable=not console.is_terminal)
    for path in shown:
        result = scan_file(path, decoder)
        typer.echo(json.dumps(result, ensure_ascii=False) if as_json else _line(result))


def scan_file(path: Path, decoder: "Decoder") -> dict[str, object]:
    """Return what one file holds, ready to be printed; `error` where it is no readable image."""
    from hardware.frames import FrameError
    from hardware.images import read_image, to_grey

    began = time.perf_counter()
    codes: Sequence[Decoded] = ()
    error = ""
    try:
        codes = decoder.decode(to_grey(read_image(path)))
    except FrameError as failure:
        error = str(failure)
    result: dict[str, object] = {
        "file": str(path),
        "codes": [_code(code) for code in codes],
        "ms": round((time.perf_counter() - began) * 1000, 3),
    }
    if error:
        result["error"] = error
    return result


def text_of(data: bytes) -> str:
    """Return the bytes of a code as text, in the first encoding they are valid in."""
    for encoding in ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise AssertionError("every byte is a character of the last encoding")


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(inside for inside in path.rglob("*") if inside.is_file())
        else:
            yield path


def _code(code: "Decoded") -> dict[str, object]:
    return {
        "text": text_of(code.data),
        "bytes_b64": base64.b64encode(code.data).decode("ascii"),
        "symbology": code.symbology,
        "quad": [list(corner) for corner in code.quad],
    }


def _line(result: dict[str, object]) -> str:
    codes = result["codes"]
    if "error" in result:
        return f"{result['file']}: not read: {result['error']}"
    if not isinstance(codes, list) or not codes:
        return f"{result['file']}: no code"
    return "\n".join(
        f"{result['file']}: {code['symbology']} {_visible(code['text'])}" for code in codes
    )


def _visible(text: str) -> str:
    """Return the text with control characters spelled out: none is sent to the terminal."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )
