"""One row packed as tightly as is known how: its fields by form, as digits of one number.

For a row that travels alone, with a header of 20 B, a topic as long, and no row before it from
which to copy. A field takes what its form needs: a product code of 13 digits 43 bits instead of
14 B. What stands for names and shares is frozen in `wire/vocabulary.py`. A row that is no event of
a kind known there, or holds what no form can, is not packed here at all.
"""

import msgspec

from wire.digits import Reader, Table
from wire.errors import MALFORMED, DecodeError
from wire.forms import FORMS
from wire.spelling import In, Out, Unfit
from wire.vocabulary import BODIES, BODY_MISSING_SHARES, EVENT_MISSING_SHARES, HEAD, KINDS_MAX, TAIL

# Longer rows hold much text or many lines, which deflate packs no worse.
DENSE_ROW_BYTES_MAX = 512
DENSE_BYTES_MAX = 512

_event_missing = Table(EVENT_MISSING_SHARES)
_body_missing = Table(BODY_MISSING_SHARES)
_row_decoder: msgspec.msgpack.Decoder[object] = msgspec.msgpack.Decoder()
_row_encoder = msgspec.msgpack.Encoder()


def pack(row: bytes) -> bytes | None:
    """Return a row packed, or None when it cannot be; `unpack` gives back the same bytes."""
    if len(row) > DENSE_ROW_BYTES_MAX:
        return None
    try:
        fields = _row_decoder.decode(row)
        if _row_encoder.encode(fields) != row:
            return None
        out = Out()
        _put_event(out, fields)
    except (*MALFORMED, Unfit):
        return None
    packed = out.writer.finish()
    return packed if len(packed) <= DENSE_BYTES_MAX else None


def unpack(packed: bytes) -> bytes:
    """Undo `pack`.

    Raises DecodeError when the bytes are no packed row, or one that `pack` would not have taken.
    """
    if len(packed) > DENSE_BYTES_MAX:
        raise DecodeError(f"the packed row has {len(packed)} B, above {DENSE_BYTES_MAX}")
    reader = Reader(packed)
    try:
        fields = _take_event(In(reader))
    except UnicodeDecodeError as error:
        raise DecodeError(f"a text of the packed row is no UTF-8: {error}") from error
    if not reader.at_end:
        raise DecodeError("the packed row goes on after its end")
    try:
        row = _row_encoder.encode(fields)
    except OverflowError as error:
        raise DecodeError("a sum in the packed row has more than 64 bits") from error
    if len(row) > DENSE_ROW_BYTES_MAX:
        raise DecodeError(f"the unpacked row has {len(row)} B, above {DENSE_ROW_BYTES_MAX}")
    return row


def _put_event(out: Out, fields: object) -> None:
    forms = HEAD
    if type(fields) is not list or not len(forms) < len(fields) <= len(forms) + 1 + len(TAIL):
        raise Unfit
    *head, body = fields[: len(forms) + 1]
    tail = fields[len(forms) + 1 :]
    if type(body) is not list or not body or type(body[0]) is not int or body[0] not in BODIES:
        raise Unfit
    tag, inner = body[0], BODIES[body[0]]
    missing = len(inner) - len(body) + 1
    if not 0 <= missing < len(BODY_MISSING_SHARES):
        raise Unfit
    out.writer.put(tag, KINDS_MAX)
    out.writer.choose(_body_missing, missing)
    out.writer.choose(_event_missing, len(TAIL) - len(tail))
    for form, value in zip((*forms, *TAIL[: len(tail)]), (*head, *tail), strict=True):
        FORMS[form].put(out, value)
    for form, value in zip(inner, body[1:], strict=False):
        FORMS[form].put(out, value)


def _take_event(came: In) -> list[object]:
    tag = came.reader.take(KINDS_MAX)
    if tag not in BODIES:
        raise DecodeError(f"event kind {tag} is never packed like this")
    inner = BODIES[tag]
    inner = inner[: max(0, len(inner) - came.reader.chosen(_body_missing))]
    tail_forms = TAIL[: len(TAIL) - came.reader.chosen(_event_missing)]
    head = [FORMS[form].take(came) for form in HEAD]
    tail = [FORMS[form].take(came) for form in tail_forms]
    body = [tag, *(FORMS[form].take(came) for form in inner)]
    return [*head, body, *tail]
