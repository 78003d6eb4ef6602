"""The product numbers of a catalogue file, however it is written: lines, CSV or JSON."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from hardware.codes.gtin import is_gtin

FILE_BYTES_MAX = 256 * 1024 * 1024
# What a column or field of numbers is called, its letters and signs of writing alone.
NAMES = ("gtin", "product", "ean", "upc", "barcode", "条码", "商品条码", "条形码", "code")
# Of a table whose columns say nothing, so many rows show which column holds numbers.
ROWS_TRIED = 1_000
DIGITS_MAX = 14
FIELD_CHARACTERS_MAX = 1 << 20

# Also GTIN-13, EAN Code, UPC_A, barcode (EAN): a name with a length or a word behind it.
_NAMED = re.compile(rf"({'|'.join(NAMES)})(code|number|nr|no|\d+|a|e)?s?")
_OF_ITS_OWN = re.compile(r"[\W_]+")
# What spreadsheets make of a number.
_AS_FORMULA = re.compile(r'="?([\d\s-]+)"?')
_AS_FRACTION = re.compile(r"(\d+)\.0+")
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f]")


class CatalogueFileError(Exception):
    """A file holds no product numbers; the message says what is wrong and what is expected."""


def read_known_numbers(path: Path) -> frozenset[str]:
    """Return the numbers with 14 digits each.

    One a line, the column of a CSV file or the field of JSON objects that is called `gtin` (or
    another of NAMES), a JSON list, or JSON objects a line. Where no column has such a name, it is
    the one with the most right numbers. Leading zeros that a spreadsheet dropped do not matter.
    Raises CatalogueFileError.
    """
    text = _text(path)
    try:
        is_json = text.lstrip()[:1] in {"[", "{"}
        found = _in_json(text) if is_json else _in_lines(text)
        numbers = frozenset(number for each in found if (number := catalogue_number(each)))
    except (ValueError, RecursionError, csv.Error) as error:
        what = "JSON" if is_json else "CSV"
        raise CatalogueFileError(f"{path} is no {what} that can be read: {error}") from error
    if not numbers:
        raise CatalogueFileError(
            f"{path} holds no product number: it should have one a line, or a column `gtin`"
        )
    return numbers


def catalogue_number(text: str) -> str:
    """Return a product number with 14 digits, empty where it is none."""
    digits = text.strip()
    if not digits.isdecimal():
        written = _AS_FORMULA.fullmatch(digits) or _AS_FRACTION.fullmatch(digits)
        digits = (written[1] if written else digits).replace("-", "").replace(" ", "")
    if not (digits.isascii() and digits.isdecimal() and digits.strip("0")):
        return ""
    return digits.zfill(DIGITS_MAX) if len(digits) <= DIGITS_MAX else ""


def _text(path: Path) -> str:
    """Return what a file says; digits are the same in every encoding but UTF-16."""
    try:
        if path.is_dir():
            raise CatalogueFileError(f"{path} is a folder: name a file of product numbers")
        if path.stat().st_size > FILE_BYTES_MAX or not path.is_file():
            raise CatalogueFileError(f"{path} is no file of at most {FILE_BYTES_MAX >> 20} MiB")
        content = path.read_bytes()
    except OSError as error:
        raise CatalogueFileError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if _NO_TEXT.search(text, 0, FIELD_CHARACTERS_MAX):
        raise CatalogueFileError(f"{path} is no text: it should have a product number a line")
    return text


def _in_lines(text: str) -> Iterator[str]:
    lines = text.splitlines()
    separator = next((each for each in "\t;|," if lines and each in lines[0]), ",")
    csv.field_size_limit(FIELD_CHARACTERS_MAX)
    rows = csv.reader(lines, delimiter=separator)
    tried = list(islice(rows, ROWS_TRIED))
    column = next((at for at, head in enumerate(tried[0] if tried else ()) if is_named(head)), None)
    if column is None:
        column = _most_numbers(tried)
    for row in (*tried, *rows):
        if len(row) > column:
            yield row[column]


def is_named(head: str) -> bool:
    """Tell whether this is what a column or field of product numbers is called."""
    return _NAMED.fullmatch(_OF_ITS_OWN.sub("", head.lower())) is not None


def _most_numbers(rows: Iterable[Sequence[str]]) -> int:
    """Return the column with the most numbers whose check digit is right, the first of equals."""
    counts: dict[int, int] = {0: 0}
    for row in rows:
        for at, cell in enumerate(row):
            counts[at] = counts.get(at, 0) + is_gtin(cell.strip())
    return max(counts, key=lambda at: counts[at])


def _in_json(text: str) -> Iterator[str]:
    try:
        waiting = [json.loads(text)]
    except json.JSONDecodeError:
        waiting = [json.loads(line) for line in text.splitlines() if line.strip()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str | int):
            yield str(value)
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            yield from (key for key in value if is_gtin(key))
            named = [value[name] for name in value if is_named(name)]
            waiting += named or [each for each in value.values() if isinstance(each, list | dict)]
