"""The table of all decoders; see `decoder.py` for what each can do."""

from collections.abc import Callable, Sequence

from hardware.decoder import Decoder

DecoderFactory = Callable[[Sequence[str]], Decoder]


def _zbar(symbologies: Sequence[str]) -> Decoder:
    from hardware.zbar import ZbarDecoder

    return ZbarDecoder(symbologies)


DECODERS: dict[str, DecoderFactory] = {"zbar": _zbar}
