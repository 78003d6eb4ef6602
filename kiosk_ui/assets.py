"""The style sheets, scripts and drawings of the screens, each addressed by its content."""

import hashlib
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
ASSET_AGE_S = 365 * 24 * 3_600


@lru_cache(maxsize=32)
def asset(name: str) -> str:
    """Return the address of a static file, which changes with its bytes and so may be kept."""
    digest = hashlib.blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
    return f"/static/{name}?v={digest}"
