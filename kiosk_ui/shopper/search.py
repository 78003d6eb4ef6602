"""Finding goods by name, by the first letters of it (pinyin too), by brand, category or number."""

import re
import string
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from wire.views import ProductView

# Those who type more look for something that is not there.
QUERY_CHARACTERS_MAX = 40
# A run of this many digits may be a telephone number: it is searched for, and never recorded.
DIGITS_KEPT_MAX = 4
LETTERS = string.ascii_uppercase
# A store's names of goods, in each language, so that a touch costs no new reading of them.
TEXTS_REMEMBERED_MAX = 4_096
# The rank of goods that hold the query somewhere in the middle of a word.
LAST = 1_000
# Stands for any letter: a character whose reading is not known here.
ANY = "?"

# The first-level characters of GB 2312 stand in the order of their pinyin: where each letter
# begins. The 3,755 of them are nearly all that names of goods are written with.
_INITIALS = "ABCDEFGHJKLMNOPQRSTWXYZ"
_BEGINS = (
    0xB0A1, 0xB0C5, 0xB2C1, 0xB4EE, 0xB6EA, 0xB7A2, 0xB8C1, 0xB9FE, 0xBBF7, 0xBFA6, 0xC0AC, 0xC2E8,
    0xC4C3, 0xC5B6, 0xC5BE, 0xC6DA, 0xC8BB, 0xC8F6, 0xCBFA, 0xCDDA, 0xCEF4, 0xD1B9, 0xD4D1,
)  # fmt: skip
_ENDS = 0xD7FA


@dataclass(frozen=True, slots=True)
class Entry:
    """A product as it can be found: its texts, and the first letters of their words."""

    product: ProductView
    text: str
    initials: tuple[str, ...]


def entry(product: ProductView, categories: Sequence[str]) -> Entry:
    """Return how a product can be found, also by the names of its category."""
    texts = [*product.name.values(), product.brand, *categories]
    initials = tuple(dict.fromkeys(initials_of(text) for text in texts))
    return Entry(product, " ".join((*texts, product.product)).lower(), initials)


@lru_cache(maxsize=TEXTS_REMEMBERED_MAX)
def initials_of(text: str) -> str:
    """Return the first letter of each word, and of the reading of each Chinese character."""
    words = re.findall(r"[A-Za-z]+|[\u4e00-\u9fff]", text)
    return "".join(_initial(word) for word in words)


def find(entries: Sequence[Entry], query: str) -> list[ProductView]:
    """Return the goods that hold the query, or whose first letters do; early letters first."""
    words = query.lower()[:QUERY_CHARACTERS_MAX].split()
    letters = "".join(words).upper()
    if not words:
        return []
    ranked = [(_rank(each, words, letters), each.product) for each in entries]
    hits = sorted((hit for hit in ranked if hit[0] is not None), key=lambda hit: hit[0] or 0)
    return [product for _, product in hits]


def next_letters(entries: Sequence[Entry], query: str) -> frozenset[str]:
    """Return the letters after which something is still found, so that others can rest."""
    if len(query) >= QUERY_CHARACTERS_MAX:
        return frozenset()
    words = query.lower().split()
    last = words.pop() if words and not query[-1].isspace() else ""
    letters = "".join((*words, last)).upper()
    leading: set[str] = set()
    for each in entries:
        if (words or last) and all(word in each.text for word in words):
            leading.update(_following(last, each.text.upper()))
        for known in each.initials if letters.isascii() else ():
            leading.update(LETTERS if ANY in (after := _after(letters, known)) else after)
        if leading.issuperset(LETTERS):
            break
    return frozenset(leading & set(LETTERS))


def recordable(query: str, found: int) -> str:
    """Return what may be recorded of a search: nothing of one that found nothing, no long numbers.

    What found something is part of the store's own names of goods, and so says nothing of anybody.
    """
    if not found:
        return ""
    text = re.sub(rf"\d{{{DIGITS_KEPT_MAX + 1},}}", "", query[:QUERY_CHARACTERS_MAX])
    return " ".join(text.lower().split())


def _initial(word: str) -> str:
    if word.isascii():
        return word[0].upper()
    coded = word.encode("gb2312", errors="ignore")
    code = int.from_bytes(coded, "big")
    if len(coded) != 2 or not _BEGINS[0] <= code < _ENDS:
        return ANY
    return _INITIALS[bisect_right(_BEGINS, code) - 1]


def _rank(each: Entry, words: Sequence[str], letters: str) -> int | None:
    """Return how late an entry begins to fit, None when it does not fit at all."""
    ends = [end for known in each.initials for end in _ends(letters, known)]
    if ends and letters.isascii():
        return min(ends) - len(letters)
    if len(letters) == 1 and letters.isascii():
        return None  # nearly everything holds any letter somewhere
    return LAST if all(word in each.text for word in words) else None


def _after(letters: str, known: str) -> set[str]:
    """Return the initials that stand after the letters, wherever these stand in a row."""
    return {known[end] for end in _ends(letters, known) if end < len(known)}


def _ends(letters: str, known: str) -> Iterator[int]:
    for start in range(len(known) - len(letters) + 1):
        end = start + len(letters)
        there = known[start:end]
        if all(each in (asked, ANY) for asked, each in zip(letters, there, strict=True)):
            yield end


def _following(word: str, text: str) -> set[str]:
    """Return the characters that stand after a word, wherever it stands in the text."""
    if not word:
        return set(text)
    return set(re.findall(rf"(?={re.escape(word.upper())}(.))", text))
