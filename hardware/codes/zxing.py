"""The zxing-cpp library as a decoder, giving the bytes of a code exactly as they are printed."""

from collections.abc import Iterator, Sequence
from typing import Literal

import zxingcpp
from zxingcpp import BarcodeFormat, BarcodeFormats, Binarizer

from hardware.cameras.frames import Pixels
from hardware.codes.decoder import SELF_PROVING, Decoded
from hardware.readings import ADD_ONS, CODE_BYTES_MAX, Quad

# How much of what the library can do is done: one glance with one threshold for the whole picture,
# one look with local thresholds, or everything (turned, smaller, and bright on dark).
Effort = Literal["glance", "look", "all"]

_FORMATS = {
    "QR": (BarcodeFormat.QRCode,),  # also of the first model, and such as fill their picture
    "MicroQR": (BarcodeFormat.MicroQRCode,),
    "DataMatrix": (BarcodeFormat.DataMatrix,),
    # A UPC-A code is an EAN-13 code that begins with 0, to this library too.
    "EAN-13": (BarcodeFormat.EAN13,),
    "EAN-8": (BarcodeFormat.EAN8,),
    "UPC-A": (BarcodeFormat.EAN13,),
    "UPC-E": (BarcodeFormat.UPCE,),
    "Code128": (BarcodeFormat.Code128,),
    "Code39": (BarcodeFormat.Code39,),
    "ITF": (BarcodeFormat.ITF,),
}
_NAMES = {
    BarcodeFormat.QRCode: "QR",
    BarcodeFormat.QRCodeModel1: "QR",
    BarcodeFormat.QRCodeModel2: "QR",
    BarcodeFormat.MicroQRCode: "MicroQR",
    BarcodeFormat.DataMatrix: "DataMatrix",
    BarcodeFormat.EAN13: "EAN-13",
    BarcodeFormat.EAN8: "EAN-8",
    BarcodeFormat.UPCA: "UPC-A",
    BarcodeFormat.UPCE: "UPC-E",
    BarcodeFormat.Code128: "Code128",
    BarcodeFormat.Code39: "Code39",
    BarcodeFormat.Code39Std: "Code39",
    BarcodeFormat.Code39Ext: "Code39",
    BarcodeFormat.ITF: "ITF",
    BarcodeFormat.ITF14: "ITF",
}
# What the library writes in place of bytes that say nothing in their encoding.
_NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"


class ZxingDecoder:
    """Reads the given symbologies; those the library does not know are left to other decoders.

    UPC codes come as their 13-digit GTIN, beginning with 0. Where an add-on is wanted and printed,
    its two or five digits follow those of the product.
    """

    def __init__(self, symbologies: Sequence[str], effort: Effort = "all") -> None:
        self._wanted = frozenset(symbologies)
        formats = {each for name in symbologies for each in _FORMATS.get(name, ())}
        self._formats = BarcodeFormats(sorted(formats))
        self._is_idle = not formats
        self._thorough = effort == "all"
        self._binarizer = (
            Binarizer.GlobalHistogram if effort == "glance" else Binarizer.LocalAverage
        )
        add_ons = not self._wanted.isdisjoint(ADD_ONS)
        modes = zxingcpp.EanAddOnSymbol
        self._add_ons = modes.Read if add_ons else modes.Ignore

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        if self._is_idle or grey.size == 0:
            return ()
        found = zxingcpp.read_barcodes(
            grey,
            formats=self._formats,
            try_rotate=self._thorough,
            try_downscale=self._thorough,
            try_invert=self._thorough,
            text_mode=zxingcpp.TextMode.Plain,
            binarizer=self._binarizer,
            ean_add_on_symbol=self._add_ons,
        )
        return tuple(dict.fromkeys(self._wanted_of(found))) if found else ()

    def _wanted_of(self, found: Sequence[zxingcpp.Barcode]) -> Iterator[Decoded]:
        for barcode in found:
            name = _NAMES.get(barcode.format, "")
            data = barcode.bytes
            if name == "EAN-13" and data.startswith(b"0"):
                name = "UPC-A"
            if name in self._wanted and 0 < len(data) <= CODE_BYTES_MAX:
                yield Decoded(
                    data=data,
                    symbology=name,
                    quad=_quad(barcode.position),
                    aim_id=barcode.symbology_identifier,
                    text=_text(name, data, barcode.text),
                )


def _text(name: str, data: bytes, text: str) -> str:
    """Return what the library read in the bytes, which heeds what a code says of each of its parts.

    Codes made of bars say nothing of it, and their plain text is their bytes.
    """
    if data.isascii() and name not in SELF_PROVING:
        return ""
    return "" if _NO_CHARACTER in text else text


def _quad(position: zxingcpp.Position) -> Quad:
    corners = (
        position.top_left,
        position.top_right,
        position.bottom_right,
        position.bottom_left,
    )
    first, second, third, fourth = ((corner.x, corner.y) for corner in corners)
    return first, second, third, fourth
