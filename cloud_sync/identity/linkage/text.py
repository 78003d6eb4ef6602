"""The plain form of typed text: what two people may write differently and mean alike."""

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_YEAR_LAST = re.compile(r"(\w{1,2})[-/.\s](\w{1,2})[-/.\s](\w{4})")
# What people type where they have nothing to say.
NOTHING = frozenset({"", "n/a", "na", "nan", "none", "null", "unknown", "-", "--", "?", "nil"})


def plain_text(typed: str) -> str:
    """Return text in lower case, without accents; empty where it says nothing."""
    text = typed
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(each for each in text if not unicodedata.combining(each))
    text = " ".join(text.lower().split())
    return "" if text in NOTHING else text


# One new record is asked for its words when its candidates are found and when they are compared.
@lru_cache(maxsize=16)
def words(typed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the different words of some texts, each once, in their order."""
    joined = " ".join(plain_text(each) for each in typed).replace("'", "").replace("’", "")
    return tuple(dict.fromkeys(_WORD.findall(joined)))


def plain_date(typed: str) -> str:
    """Return a date as it sorts, `yyyymmdd`, its typing errors kept; empty without a year.

    Understood are year-month-day and day-month-year with any separator, and digits alone.
    """
    text = plain_text(typed).removesuffix(" 00:00:00").removesuffix(".0")
    last = _YEAR_LAST.fullmatch(text)
    if last:
        day, month, year = last.groups()
        return f"{year}{month:0>2}{day:0>2}"
    parts = [part for part in re.split(r"[-/.\s]", text) if part]
    if len(parts) == 3:
        return f"{parts[0]}{parts[1]:0>2}{parts[2]:0>2}"
    return "".join(parts)


def plain_number(typed: str) -> str:
    """Return an identifying number or address without separators."""
    return re.sub(r"[\s()+/.-]", "", plain_text(typed))


def postcode_areas(postcode: str) -> tuple[str, str, str]:
    """Return the sector, district and area of a postcode, from narrow to wide.

    A postcode of two parts (as in the United Kingdom, Canada, the Netherlands) has its district
    before the space; of others each is two characters, or a half, shorter than the last.
    """
    if not postcode:
        return "", "", ""
    first, _, second = postcode.partition(" ")
    if second:
        letters = re.match(r"[^\W\d]*", first)
        area = letters.group() if letters else ""
        return postcode[:-2], first, area or first[:2]
    return first[:-1], first[: max(2, len(first) - 2)], first[:2]
