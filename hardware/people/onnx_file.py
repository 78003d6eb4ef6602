"""Reads from an ONNX file what picture its network expects; OpenCV does not tell.

An ONNX file is a protobuf message (ModelProto of onnx.proto3): numbered fields, each a number or a
length with so many bytes. Only the few fields on the way to the input's shape are looked at.
"""

from collections.abc import Iterator
from pathlib import Path

# The numbers of the fields: model → graph → input → type → tensor type → shape → dim → its value.
GRAPH, INPUT, TYPE, TENSOR, SHAPE, DIM, VALUE = 7, 11, 2, 1, 2, 1, 1
MODEL_BYTES_MAX = 256 * 1024 * 1024
EIGHT_BYTES = 1


class OnnxError(ValueError):
    """A file is no ONNX model, or none that takes a picture; the message says which and why."""


def picture_size(path: Path) -> tuple[int, int]:
    """Return height and width of the picture that a model expects.

    Raises OnnxError when the file cannot be read, or its input is no colour picture of fixed size.
    """
    try:
        if path.stat().st_size > MODEL_BYTES_MAX:
            raise OnnxError(f"{path} is larger than {MODEL_BYTES_MAX // 1024 // 1024} MiB")
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise OnnxError(f"{path} cannot be read: {error.strerror}") from error
    try:
        shapes = [_shape(each) for graph in _all(content, GRAPH) for each in _all(graph, INPUT)]
    except ValueError as error:
        raise OnnxError(f"{path} is no ONNX file: {error}") from error
    for shape in shapes:
        match shape:
            case [1, 3, height, width] if height > 0 and width > 0:
                return height, width
    raise OnnxError(f"{path} is no ONNX model that takes a colour picture of fixed size")


def _shape(given: memoryview) -> list[int]:
    dims = [given]
    for field in (TYPE, TENSOR, SHAPE, DIM):
        dims = [inner for outer in dims for inner in _all(outer, field)]
    return [
        next((one for field, one in _fields(dim) if field == VALUE and isinstance(one, int)), 0)
        for dim in dims
    ]


def _all(message: memoryview, number: int) -> list[memoryview]:
    return [one for at, one in _fields(message) if at == number and isinstance(one, memoryview)]


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field; raises ValueError where the bytes are none."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        match key & 7:
            case 0:
                value, at = _varint(message, at)
                yield key >> 3, value
            case 1 | 5 as kind:
                at += 8 if kind == EIGHT_BYTES else 4
            case 2:
                length, at = _varint(message, at)
                if at + length > len(message):
                    raise ValueError("a field is longer than its message")
                yield key >> 3, message[at : at + length]
                at += length
            case kind:
                raise ValueError(f"there is no kind {kind} of field")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte, at = message[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number has no end")
