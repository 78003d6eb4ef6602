"""The ZBar library as a decoder, giving the bytes of a code exactly as they are printed.

pyzbar's own `decode` leaves ZBar to guess the text encoding of a QR code: UTF-8 Chinese comes back
as half-width Japanese, binary as UTF-8. So this talks to the library through pyzbar's functions
and switches the guessing off. The scanner is kept, not made anew for each frame.
"""

import ctypes
from collections.abc import Iterator, Sequence

import numpy as np
from pyzbar import wrapper

from hardware.cameras.frames import Pixels
from hardware.codes.decoder import PARTLY_READ, Decoded
from hardware.codes.gtin import expand_upc_e
from hardware.readings import CODE_BYTES_MAX, Quad

# zbar.h, since 0.23.1: return a QR code's bytes as they are. pyzbar's enumeration lacks it.
_CFG_BINARY = 4
_FORMAT_GREY = int.from_bytes(b"Y800", "little")

_SYMBOLS = {
    "QR": wrapper.ZBarSymbol.QRCODE,
    "EAN-13": wrapper.ZBarSymbol.EAN13,
    "EAN-8": wrapper.ZBarSymbol.EAN8,
    "UPC-A": wrapper.ZBarSymbol.UPCA,
    "UPC-E": wrapper.ZBarSymbol.UPCE,
    "Code128": wrapper.ZBarSymbol.CODE128,
    "Code39": wrapper.ZBarSymbol.CODE39,
    "ITF": wrapper.ZBarSymbol.I25,
}
_NAMES = {int(symbol): name for name, symbol in _SYMBOLS.items()}


class ZbarDecoder:
    """Reads the given symbologies; those ZBar does not know are left to other decoders.

    UPC codes come as their 13-digit GTIN, beginning with 0, as the same number in EAN-13 would.
    What no check digit holds together must be seen along more than one line: of the codes that
    were seen along one alone most were parts of another.
    """

    def __init__(self, symbologies: Sequence[str]) -> None:
        self._wanted = frozenset(symbologies)
        self._scanner = wrapper.zbar_image_scanner_create()
        self._configure(0, wrapper.ZBarConfig.CFG_ENABLE, 0)
        for name in self._wanted & _SYMBOLS.keys():
            self._configure(_SYMBOLS[name], wrapper.ZBarConfig.CFG_ENABLE, 1)
        if "UPC-A" in self._wanted or "UPC-E" in self._wanted:
            # ZBar reads every code of this family by way of EAN-13.
            self._configure(_SYMBOLS["EAN-13"], wrapper.ZBarConfig.CFG_ENABLE, 1)
        if "QR" in self._wanted:
            self._configure(_SYMBOLS["QR"], _CFG_BINARY, 1)

    def __del__(self) -> None:
        wrapper.zbar_image_scanner_destroy(self._scanner)

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        height, width = grey.shape
        pixels = np.ascontiguousarray(grey).tobytes()
        image = wrapper.zbar_image_create()
        try:
            wrapper.zbar_image_set_format(image, _FORMAT_GREY)
            wrapper.zbar_image_set_size(image, width, height)
            at = ctypes.cast(ctypes.c_char_p(pixels), ctypes.c_void_p)
            wrapper.zbar_image_set_data(image, at, len(pixels), None)
            if wrapper.zbar_scan_image(self._scanner, image) <= 0:
                return ()
            return tuple(dict.fromkeys(self._found(image)))
        finally:
            wrapper.zbar_image_destroy(image)

    def _found(self, image: object) -> Iterator[Decoded]:
        symbol = wrapper.zbar_image_first_symbol(image)
        while symbol:
            name = _NAMES.get(int(symbol.contents.type), "")
            length = wrapper.zbar_symbol_get_data_length(symbol)
            if name and length <= CODE_BYTES_MAX:
                data = ctypes.string_at(wrapper.zbar_symbol_get_data(symbol), length)
                name, data = _gtin_form(name, data)
                quad = _quad(symbol)
                seen_once = name in PARTLY_READ and len(set(quad)) == 1
                if name in self._wanted and not seen_once:
                    yield Decoded(data=data, symbology=name, quad=quad)
            symbol = wrapper.zbar_symbol_next(symbol)

    def _configure(self, symbol: int, setting: int, value: int) -> None:
        wrapper.zbar_image_scanner_set_config(self._scanner, symbol, setting, value)


def _gtin_form(name: str, data: bytes) -> tuple[str, bytes]:
    """Return a UPC code, however ZBar named it, with the 13 digits of its GTIN."""
    if name == "UPC-A" and len(data) == 12:
        return name, b"0" + data
    if name == "UPC-E" and len(data) == 8 and data.isdigit():
        return name, expand_upc_e(data.decode("ascii")).encode("ascii")
    if name == "EAN-13" and data.startswith(b"0"):
        return "UPC-A", data
    return name, data


def _quad(symbol: object) -> Quad:
    """Return the corners: of a QR code in its own order, of bars as the box around them."""
    points = [
        (wrapper.zbar_symbol_get_loc_x(symbol, index), wrapper.zbar_symbol_get_loc_y(symbol, index))
        for index in range(wrapper.zbar_symbol_get_loc_size(symbol))
    ]
    if len(points) == 4:
        return points[0], points[1], points[2], points[3]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    return (left, top), (right, top), (right, bottom), (left, bottom)
