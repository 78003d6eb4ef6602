"""The preset dictionary of the compression: what events and views mostly consist of.

FROZEN: both ends must hold the same bytes for ever. A better dictionary takes a new frame byte in
`wire/codec.py`, and this one stays. The most frequent pieces stand last, where they are cheapest
to refer to.
"""

DICTIONARY: bytes = b"".join((b"\x91\x92\xa6member\xc4\x10",))
