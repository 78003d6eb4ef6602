"""The words on the screens of a store, in Chinese and English."""

from pathlib import Path

from looks.words import LANGUAGE_NAMES, LANGUAGE_TAGS, LANGUAGES, Words, choose_language
from looks.words import load_locales as _load

__all__ = [
    "LANGUAGES",
    "LANGUAGE_NAMES",
    "LANGUAGE_TAGS",
    "LOCALES",
    "Words",
    "choose_language",
    "words_in",
]

LOCALES = _load(Path(__file__).parent / "locales")


def words_in(language: str) -> Words:
    """Return the texts of one language."""
    return Words(language, LOCALES)
