"""`storebridge scan`: reads the codes in image files, and holds them against a catalogue."""

import base64
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track

from storebridge.named_file import is_folder, named_file

if TYPE_CHECKING:
    from hardware.codes.acceptance import Candidate, Verdict
    from hardware.codes.decoder import Decoded, Decoder

app = typer.Typer()

# Whether a number read may be acted upon, as it is printed.
ACCEPTED: dict[str, bool | str] = {"accepted": True, "refused": False, "uncertain": "uncertain"}

# Bytes that are no UTF-8 are shown as Japanese, which QR codes of that make still are, or byte by
# byte; `bytes_b64` always holds what the code really says.
ENCODINGS = ("utf-8", "shift_jis", "latin-1")


@app.command()
def scan(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Image files, or folders of them.", parser=named_file, metavar="PATH..."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each file.")] = False,
    add_ons: Annotated[
        bool, typer.Option("--add-ons", help="Also the digits beside product codes (EAN-2, EAN-5).")
    ] = False,
    catalogue: Annotated[
        Path | None,
        typer.Option(
            help="Known product numbers: one a line, or CSV or JSON with `gtin`.",
            parser=named_file,
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Read the codes in image files; a file that is no image is reported, and the rest go on.

    Ends with 1 where none of them could be read as an image, or there is none.
    """
    from hardware.codes.decoders import DECODERS
    from hardware.readings import ADD_ONS, SYMBOLOGIES
    from storebridge.known_numbers import CatalogueFileError, read_known_numbers

    known = None
    if catalogue is not None:
        try:
            known = read_known_numbers(catalogue).__contains__
        except CatalogueFileError as error:
            _refuse(str(error), as_json)
            raise typer.Exit(2) from None
    expected = [name for name in SYMBOLOGIES if name and (add_ons or name not in ADD_ONS)]
    decoder = DECODERS["still"](expected)
    console = Console(stderr=True)
    files = list(_files(paths))
    if not files:
        empty = ", ".join(map(str, paths))
        _refuse(f"there is no file in {empty}; name image files, or folders of them", as_json)
        raise typer.Exit(1)
    shown = track(files, "reading", console=console, disable=not console.is_terminal)
    unread = 0
    for path in shown:
        result = scan_file(path, decoder, known)
        typer.echo(_as_json(result) if as_json else _line(result))
        unread += "error" in result
    if unread == len(files):
        raise typer.Exit(1)


def scan_file(
    path: Path, decoder: "Decoder", known: Callable[[str], bool] | None = None
) -> dict[str, object]:
    """Return what one file holds, ready to be printed; `error` where it is no readable image.

    `ms` is how long the codes took to be found and read, the file's opening apart. With known
    numbers each code says whether it is accepted.
    """
    from hardware.cameras.frames import FrameError
    from hardware.cameras.images import read_image, to_grey

    codes: Sequence[Decoded] = ()
    error = ""
    began = time.perf_counter()
    try:
        grey = to_grey(read_image(path))
        began = time.perf_counter()
        codes = decoder.decode(grey)
    except FrameError as failure:
        error = "a folder that cannot be looked into" if is_folder(path) else str(failure)
    shown = [_code(code) for code in codes]
    if known is not None:
        for code, each in zip(codes, shown, strict=True):
            each["accepted"] = ACCEPTED[_verdict(code, codes, known)]
    result: dict[str, object] = {
        "file": str(path),
        "codes": shown,
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
    """Yield the files named, and those in the folders named.

    A link to nothing is among them, and a folder that cannot be looked into, so that each is
    reported like every file that cannot be read. Links to folders are not followed.
    """
    for path in paths:
        if not is_folder(path):
            yield path
            continue
        closed: list[OSError] = []
        inside = [
            each
            for folder, _, names in os.walk(path, onerror=closed.append)
            for each in (Path(folder, name) for name in names)
            if _may_be_image(each)
        ]
        yield from sorted([*inside, *(Path(error.filename) for error in closed)])


def _may_be_image(path: Path) -> bool:
    """Tell whether there is a file, or something that is to be reported as none."""
    try:
        return path.is_file() or not path.exists()
    except OSError:
        return True


def _as_json(result: dict[str, object]) -> str:
    """Return a line of JSON; a file's name that is no UTF-8 is spelled out as Python does."""
    line = json.dumps(result, ensure_ascii=False)
    return line if line.isascii() or _is_utf_8(line) else json.dumps(result)


def _is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(reason: str, as_json: bool) -> None:
    """Say why nothing is read, as JSON where that was asked for."""
    shown = json.dumps({"error": reason}, ensure_ascii=False) if as_json else _visible(reason)
    typer.echo(shown, err=not as_json)


def _verdict(
    code: "Decoded", codes: Sequence["Decoded"], known: Callable[[str], bool]
) -> "Verdict":
    from hardware.codes.acceptance import judge
    from hardware.codes.decoder import overlap

    rivals = [_candidate(other) for other in codes if other is not code and overlap(other, code)]
    return judge(_candidate(code), rivals, known)


def _candidate(code: "Decoded") -> "Candidate":
    from edge_agent.codes.codes import Rules, announced, understand
    from hardware.codes.acceptance import Candidate
    from storebridge.known_numbers import catalogue_number

    meant = understand(announced(code.data, code.aim_id), Rules(), code.symbology)
    number = catalogue_number(meant.subject) if meant.kind == "product" else ""
    return Candidate(number=number, sure=code.trust != "doubtful")


def _code(code: "Decoded") -> dict[str, object]:
    return {
        "text": code.text or text_of(code.data),
        "bytes_b64": base64.b64encode(code.data).decode("ascii"),
        "symbology": code.symbology,
        "quad": [list(corner) for corner in code.quad],
    }


def _line(result: dict[str, object]) -> str:
    codes = result["codes"]
    if "error" in result:
        return _visible(f"{result['file']}: not read: {result['error']}")
    if not isinstance(codes, list) or not codes:
        return _visible(f"{result['file']}: no code")
    return "\n".join(f"{_visible(str(result['file']))}: {_shown(code)}" for code in codes)


def _shown(code: dict[str, object]) -> str:
    verdicts = {True: " (accepted)", False: " (not in the catalogue)", "uncertain": " (uncertain)"}
    verdict = verdicts[code["accepted"]] if "accepted" in code else ""
    return f"{code['symbology']} {_visible(str(code['text']))}{verdict}"


def _visible(text: str) -> str:
    """Return the text with control characters spelled out: none is sent to the terminal."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )
