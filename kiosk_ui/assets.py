"""The style sheets, scripts and drawings of the screens."""

from pathlib import Path

from looks.assets import ASSET_AGE_S, LOOKS, address

__all__ = ["ASSET_AGE_S", "LOOKS", "asset"]

STATIC = Path(__file__).parent / "static"


def asset(name: str) -> str:
    """Return the address of a file: our own, or one that all screens share."""
    if (STATIC / name).exists():
        return address(STATIC, "/static", name)
    return address(LOOKS, "/looks", name)
