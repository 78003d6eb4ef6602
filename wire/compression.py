"""The two coders of the wire, both with a preset dictionary: small for little, quick for much.

A lone event packed as raw deflate (RFC 1951) is 10 B smaller than as a Zstandard frame
(RFC 8878); 100 events are packed by Zstandard with a tenth of the processor time. Neither carries
a checksum: the frame around it does (`wire/batch.py`, `wire/codec.py`).
"""

import threading
import zlib

import zstandard

from wire.dictionary import DICTIONARY
from wire.errors import DecodeError

ZSTD_LEVEL = 3
ZSTD_FORMAT = zstandard.FORMAT_ZSTD1_MAGICLESS
DEFLATE_LEVEL = 6
# A window of 2 KiB reaches the dictionary; larger ones cost 100 µs of clearing memory a call.
DEFLATE_WINDOW_BITS = -11
DEFLATE_MEMORY_LEVEL = 4
INFLATE_WINDOW_BITS = -15


class _Coders(threading.local):
    """One Zstandard compressor and decompressor a thread: threads may not share them."""

    def __init__(self) -> None:
        dictionary = zstandard.ZstdCompressionDict(
            DICTIONARY, dict_type=zstandard.DICT_TYPE_RAWCONTENT
        )
        self.compressor = zstandard.ZstdCompressor(
            dict_data=dictionary,
            compression_params=zstandard.ZstdCompressionParameters.from_level(
                ZSTD_LEVEL,
                format=ZSTD_FORMAT,
                write_content_size=1,
                write_checksum=0,
                write_dict_id=0,
            ),
        )
        self.decompressor = zstandard.ZstdDecompressor(dict_data=dictionary, format=ZSTD_FORMAT)


_coders = _Coders()


def deflate(plain: bytes) -> bytes:
    """Compress a few rows."""
    coder = zlib.compressobj(
        DEFLATE_LEVEL,
        zlib.DEFLATED,
        DEFLATE_WINDOW_BITS,
        DEFLATE_MEMORY_LEVEL,
        zlib.Z_DEFAULT_STRATEGY,
        DICTIONARY,
    )
    return coder.compress(plain) + coder.flush()


def inflate(packed: bytes, *, plain_bytes_max: int) -> bytes:
    """Undo `deflate`.

    Raises DecodeError when the bytes are damaged, or would grow beyond `plain_bytes_max`; no more
    memory than that is taken in any case.
    """
    coder = zlib.decompressobj(INFLATE_WINDOW_BITS, DICTIONARY)
    try:
        plain = coder.decompress(packed, plain_bytes_max + 1)
    except zlib.error as error:
        raise DecodeError(f"the compressed bytes are damaged: {error}") from error
    if len(plain) > plain_bytes_max:
        raise DecodeError(f"the plain bytes exceed the limit of {plain_bytes_max} B")
    if not coder.eof or coder.unused_data:
        raise DecodeError("the compressed bytes are cut short, or others follow them")
    return plain


def compress(plain: bytes) -> bytes:
    """Compress much; the result names the plain size, so that `decompress` can bound it."""
    return _coders.compressor.compress(plain)


def decompress(packed: bytes, *, plain_bytes_max: int) -> bytes:
    """Undo `compress`.

    Raises DecodeError when the bytes are damaged, or would grow beyond `plain_bytes_max`; no more
    memory than that is taken in any case.
    """
    try:
        size = zstandard.get_frame_parameters(packed, format=ZSTD_FORMAT).content_size
        # A size that is not named reads as 2**64 - 1, so it is refused here as well.
        if size > plain_bytes_max:
            raise DecodeError(f"the plain size {size} B exceeds the limit of {plain_bytes_max} B")
        return _coders.decompressor.decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DecodeError(f"the compressed bytes are damaged: {error}") from error
