"""The table of all decoders; see `decoder.py` for what each can do."""

from collections.abc import Callable, Sequence

from hardware.codes.decoder import Decoder

DecoderFactory = Callable[[Sequence[str]], Decoder]


def _cascade(symbologies: Sequence[str]) -> Decoder:
    from hardware.codes.cascade import LaneCascade

    return LaneCascade(symbologies)


def _still(symbologies: Sequence[str]) -> Decoder:
    from hardware.codes.cascade import StillCascade

    return StillCascade(symbologies)


def _zbar(symbologies: Sequence[str]) -> Decoder:
    from hardware.codes.zbar import ZbarDecoder

    return ZbarDecoder(symbologies)


def _zxing(symbologies: Sequence[str]) -> Decoder:
    from hardware.codes.zxing import ZxingDecoder

    return ZxingDecoder(symbologies)


# For a live lane the cascade is best, for pictures each of which is seen once, `still`.
DECODERS: dict[str, DecoderFactory] = {
    "cascade": _cascade,
    "still": _still,
    "zbar": _zbar,
    "zxing": _zxing,
}
