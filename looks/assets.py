"""Style sheets, scripts and drawings, each addressed by its content so that it may be kept."""

import hashlib
from functools import lru_cache
from pathlib import Path

LOOKS = Path(__file__).parent / "static"
ASSET_AGE_S = 365 * 24 * 3_600


@lru_cache(maxsize=256)
def address(folder: Path, prefix: str, name: str) -> str:
    """Return the address of a file that is served below a prefix; it changes with its bytes."""
    digest = hashlib.blake2b((folder / name).read_bytes(), digest_size=6).hexdigest()
    return f"{prefix}/{name}?v={digest}"
