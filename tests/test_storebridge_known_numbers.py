"""A catalogue file is understood however it is written, or refused in a sentence."""

import json
from pathlib import Path

import pytest

from storebridge.known_numbers import CatalogueFileError, read_known_numbers

TEA, CUP = "4006381333931", "5901234123457"
BOTH = frozenset({f"0{TEA}", f"0{CUP}"})


@pytest.mark.parametrize(
    "text",
    [
        f"{TEA}\r\n {CUP}\r\n",
        f"# numbers\n{TEA}\n{CUP}\n",
        f"\ufeffGTIN,name\n{TEA},x\n{CUP},y\n",
        f"name;gtin\nx;{TEA}\ny;{CUP}\n",
        f"name\tEAN Code\nx\t{TEA}\ny\t{CUP}\n",
        f"name|GTIN-13\nx|{TEA}\ny|{CUP}\n",
        f"article number,EAN_13\n1,{TEA}\n2,{CUP}\n",
        f"名称,商品条码\n茶,{TEA}\n杯,{CUP}\n",
        f"tea,17,{TEA}\ncup,18,{CUP}\n",
        f'"a, b","{TEA}"\n"c","{CUP}"\n',
        f'gtin\n="{TEA}"\n{CUP}.0\n',
        "400638-1333931\n5 901234 123457\n",
        json.dumps([TEA, int(CUP)]),
        json.dumps({"items": {"a": {"GTIN": TEA}, "b": {"variants": [{"barcode": CUP}]}}}),
        json.dumps({TEA: {"name": "tea"}, CUP: {"name": "cup"}}),
        "\n".join(json.dumps({"gtin": each}) for each in (TEA, CUP)),
    ],
)
def test_every_shape_of_a_catalogue_holds_the_same_numbers(text: str, tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-16", "gb18030"):
        file = tmp_path / encoding
        file.write_bytes(text.encode(encoding))
        assert read_known_numbers(file) == BOTH


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "holds no product number"),
        (b"gtin,name\n", "holds no product number"),
        (b"gtin\n4.00638E+12\n", "holds no product number"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF 1\n4006381333931", "is no text"),
        (b"[" * 100_000, "is no JSON that can be read"),
        (b'[{"gtin": 1}', "is no JSON that can be read"),
        (b"gtin\n" + b'"' + b"7" * 2_000_000, "is no CSV that can be read"),
    ],
)
def test_what_is_no_catalogue_is_refused_in_a_sentence(
    content: bytes, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "catalogue"
    file.write_bytes(content)
    with pytest.raises(CatalogueFileError, match=why):
        read_known_numbers(file)


def test_a_folder_a_missing_and_a_huge_file_are_told_apart(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    for path, why in (
        (tmp_path, "is a folder"),
        (tmp_path / "missing", "cannot be read: No such file"),
        (huge, "is no file of at most 256 MiB"),
    ):
        with pytest.raises(CatalogueFileError, match=why):
            read_known_numbers(path)
