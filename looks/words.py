"""Texts in Chinese and English: by key, and how ages, spans, money and discounts are written."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

LANGUAGES = ("zh", "en")
LANGUAGE_NAMES = {"zh": "中文", "en": "English"}
LANGUAGE_TAGS = {"zh": "zh-CN", "en": "en"}

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S
JUST_NOW_S = 5

# ISO 4217: how a currency is written, and how many digits stand behind its point.
CURRENCY_SIGNS = {"CNY": "¥", "EUR": "€", "USD": "$", "GBP": "£", "JPY": "JP¥"}
CURRENCIES_WITHOUT_CENTS = frozenset({"JPY", "KRW", "VND"})

Locales = Mapping[str, Mapping[str, str]]


def load_locales(folder: Path) -> Locales:
    """Read the texts of all languages from `<folder>/<language>.json`, with those shared by all."""
    shared = Path(__file__).parent / "locales"
    return {
        name: _read(shared / f"{name}.json") | _read(folder / f"{name}.json") for name in LANGUAGES
    }


class Words:
    """The texts of one language; a key that does not exist is our mistake and shows as KeyError."""

    def __init__(self, language: str, locales: Locales) -> None:
        self.language = language
        self.tag = LANGUAGE_TAGS[language]
        self._texts = locales[language]

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key with its `{names}` filled in."""
        return self._texts[key].format_map(values)

    def known(self, key: str, otherwise: str, **values: object) -> str:
        """Return the text of a key that others may have chosen, or that of `otherwise`."""
        return self(key if key in self._texts else otherwise, **values)

    def pick(self, texts: Mapping[str, str]) -> str:
        """Return a view's text in this language, or in the first language it has."""
        return texts.get(self.language) or next(iter(texts.values()), "")

    def age(self, age_s: float) -> str:
        """Return how long ago something was, such as `3 min ago`."""
        for key, unit_s in (("age.d", DAY_S), ("age.h", HOUR_S), ("age.min", MINUTE_S)):
            if age_s >= unit_s:
                return self(key, n=int(age_s // unit_s))
        return self("age.now") if age_s < JUST_NOW_S else self("age.s", n=int(age_s))

    def age_texts(self) -> str:
        """Return the texts of ages as JSON, for the script that lets them go on counting."""
        names = ("now", "s", "min", "h", "d")
        return json.dumps({name: self._texts[f"age.{name}"] for name in names}, ensure_ascii=False)

    def day(self, day: date) -> str:
        """Return a day as it is written, such as `28 Nov 2026`."""
        month = self("date.months").split()[day.month - 1]
        return self("date.day", y=day.year, month=month, d=day.day)

    def span(self, span_s: float) -> str:
        """Return how long something lasts or lasted, such as `4 min`."""
        for key, unit_s in (("span.d", DAY_S), ("span.h", HOUR_S), ("span.min", MINUTE_S)):
            if span_s >= unit_s:
                return self(key, n=int(span_s // unit_s))
        return self("span.s", n=int(span_s))

    def money(self, cents: int, currency: str) -> str:
        """Return an amount as it is written on a price tag."""
        sign = CURRENCY_SIGNS.get(currency, f"{currency} ")
        if currency in CURRENCIES_WITHOUT_CENTS:
            return f"{sign}{cents:,}"
        whole, rest = divmod(cents, 100)
        return f"{sign}{whole:,}" if rest == 0 else f"{sign}{whole:,}.{rest:02d}"

    def discount(self, percent: int, amount_cents: int, currency: str) -> str:
        """Return what a coupon takes off; Chinese counts the tenths that remain to be paid."""
        if percent:
            tenths = (100 - percent) / 10
            return self("coupon.percent", percent=percent, tenths=f"{tenths:g}")
        return self("coupon.amount", amount=self.money(amount_cents, currency))


def choose_language(wanted: str | None, languages: Sequence[str]) -> str:
    """Return the wanted language if it is offered, else the first that is."""
    offered = [name for name in languages if name in LANGUAGES] or list(LANGUAGES)
    return wanted if wanted in offered else offered[0]


def _read(path: Path) -> dict[str, str]:
    texts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return texts
