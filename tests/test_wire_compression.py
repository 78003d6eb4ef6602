"""Both coders give back what they were given, refuse damage, and stay within their limit."""

import contextlib
import random
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import damaged
from wire.compression import ZSTD_FORMAT, compress, decompress, deflate, inflate
from wire.dictionary import DICTIONARY
from wire.errors import DecodeError

Pack = Callable[[bytes], bytes]
CODERS = pytest.mark.parametrize(
    ("pack", "unpack"), [(deflate, inflate), (compress, decompress)], ids=["deflate", "zstandard"]
)


@CODERS
@given(plain=st.binary(max_size=5000) | st.just(DICTIONARY * 3))
def test_bytes_come_back(pack: Pack, unpack: Callable[..., bytes], plain: bytes):
    assert unpack(pack(plain), plain_bytes_max=len(plain)) == plain
    if plain:
        with pytest.raises(DecodeError, match="limit"):
            unpack(pack(plain), plain_bytes_max=len(plain) - 1)


@CODERS
@given(st.data())
def test_damage_is_bytes_or_a_decode_error(
    pack: Pack, unpack: Callable[..., bytes], data: st.DataObject
):
    packed = data.draw(st.binary(max_size=60) | damaged(st.binary(max_size=300).map(pack)))
    with contextlib.suppress(DecodeError):
        assert len(unpack(packed, plain_bytes_max=1000)) <= 1000


@CODERS
def test_what_is_cut_short_or_followed_by_more_is_refused(pack: Pack, unpack: Callable[..., bytes]):
    packed = pack(b"member" * 50)
    for wrong in (packed[:-1], packed + b"\x00", packed + packed, b""):
        with pytest.raises(DecodeError):
            unpack(wrong, plain_bytes_max=10_000)


def test_a_frame_that_hides_its_size_is_refused():
    silent = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(
            format=ZSTD_FORMAT, write_content_size=0
        )
    ).compress(bytes(10_000_000))
    tracemalloc.start()
    with pytest.raises(DecodeError, match="limit"):
        decompress(silent, plain_bytes_max=1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_threads_share_no_coder():
    noise = random.Random(1)
    plains = [noise.randbytes(20_000) * 10 for _ in range(8)]

    def there_and_back(plain: bytes) -> bool:
        return all(
            decompress(compress(plain), plain_bytes_max=len(plain)) == plain for _ in range(30)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(there_and_back, plains))
