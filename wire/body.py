"""The base of everything that can happen."""

import msgspec


class Body(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What happened: the base of all event kinds."""
