"""Zstandard with a preset dictionary, so that even a lone event becomes small.

The frames carry no magic number, checksum or dictionary id: the frame byte before them says what
they are (`wire/codec.py`), and the checksum there covers them.
"""

import threading

import zstandard

from wire.dictionary import DICTIONARY
from wire.errors import DecodeError

LEVEL = 3
FORMAT = zstandard.FORMAT_ZSTD1_MAGICLESS


class _Coders(threading.local):
    """One compressor and decompressor a thread: neither may be shared between threads."""

    def __init__(self) -> None:
        dictionary = zstandard.ZstdCompressionDict(
            DICTIONARY, dict_type=zstandard.DICT_TYPE_RAWCONTENT
        )
        self.compressor = zstandard.ZstdCompressor(
            dict_data=dictionary,
            compression_params=zstandard.ZstdCompressionParameters.from_level(
                LEVEL,
                format=FORMAT,
                write_content_size=1,
                write_checksum=0,
                write_dict_id=0,
            ),
        )
        self.decompressor = zstandard.ZstdDecompressor(dict_data=dictionary, format=FORMAT)


_coders = _Coders()


def compress(plain: bytes) -> bytes:
    """Compress bytes; the result names the plain size, so that `decompress` can bound it."""
    return _coders.compressor.compress(plain)


def decompress(packed: bytes, *, plain_bytes_max: int) -> bytes:
    """Undo `compress`.

    Raises DecodeError when the bytes are damaged, or would grow beyond `plain_bytes_max`; no more
    memory than that is taken in any case.
    """
    try:
        size = zstandard.get_frame_parameters(packed, format=FORMAT).content_size
        # An unnamed size reads as 2**64 - 1, so it is refused here as well.
        if size > plain_bytes_max:
            raise DecodeError(f"the plain size {size} B exceeds the limit of {plain_bytes_max} B")
        return _coders.decompressor.decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DecodeError(f"the compressed bytes are damaged: {error}") from error
