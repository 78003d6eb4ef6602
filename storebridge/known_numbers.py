"""The product numbers of a catalogue file, however it is written: lines, CSV or JSON."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

FILE_BYTES_MAX = 256 * 1024 * 1024
NAMES = ("gtin", "product", "ean", "upc", "barcode", "code")
DIGITS_MAX = 14


class CatalogueFileError(Exception):
    """A file holds no product numbers; the message says what is wrong and what is expected."""


def read_known_numbers(path: Path) -> frozenset[str]:
    """Return the numbers with 14 digits each.

    One a line, the column of a CSV file or the field of JSON objects that is called `gtin` (or
    another of NAMES), or a JSON list. Leading zeros that a spreadsheet dropped do not matter.
    Raises CatalogueFileError.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX or not path.is_file():
            raise CatalogueFileError(f"{path} is no file of at most {FILE_BYTES_MAX >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CatalogueFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CatalogueFileError(f"{path} is no UTF-8 text") from error
    found = _in_json(text, path) if text.lstrip()[:1] in {"[", "{"} else _in_lines(text)
    numbers = frozenset(number for each in found if (number := catalogue_number(each)))
    if not numbers:
        raise CatalogueFileError(
            f"{path} holds no product number: it should have one a line, or a column `gtin`"
        )
    return numbers


def catalogue_number(text: str) -> str:
    """Return a product number with 14 digits, empty where it is none."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and digits.strip("0")):
        return ""
    return digits.zfill(DIGITS_MAX) if len(digits) <= DIGITS_MAX else ""


def _in_lines(text: str) -> Iterator[str]:
    lines = text.splitlines()
    separator = next((each for each in "\t;," if lines and each in lines[0]), ",")
    rows = csv.reader(lines, delimiter=separator)
    first = next(rows, [])
    heads = [cell.strip().lower() for cell in first]
    column = next((heads.index(name) for name in NAMES if name in heads), None)
    if column is None:
        yield from first[:1]
        column = 0
    for row in rows:
        if len(row) > column:
            yield row[column]


def _in_json(text: str, path: Path) -> Iterator[str]:
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError) as error:
        raise CatalogueFileError(f"{path} is no JSON that can be read: {error}") from error
    while waiting:
        value = waiting.pop()
        if isinstance(value, str | int):
            yield str(value)
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            named = [value[name] for name in NAMES if name in value]
            waiting += named or [each for each in value.values() if isinstance(each, list | dict)]
