"""Every text is there in both languages, is used, and says numbers as people write them."""

import re
from pathlib import Path

import pytest

from edge_agent.visits.answers import ANSWER_KINDS
from edge_agent.visits.wallet import WalletError
from kiosk_ui.shopper.pages import HELP_TOPICS
from kiosk_ui.texts import LANGUAGES, LOCALES, choose_language, words_in

PACKAGE = Path(__file__).parent.parent / "kiosk_ui"
SHARED = Path(__file__).parent.parent / "looks"
# Beginnings of keys that are put together from values; their ends are checked by the tests below.
COMPOSED = (
    "age.", "answer.", "attract.step.", "because.", "brand.", "category.", "error.", "evidence.",
    "help.topic.", "line.", "privacy.", "redeemed.", "series.", "span.", "staff.device.",
    "staff.do.", "staff.elsewhere.", "staff.reason.", "staff.returns.", "staff.stock.state.",
    "staff.stock.move.", "stage.", "till.", "tried.", "wallet.",
)  # fmt: skip


def sources() -> str:
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html"), *SHARED.rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_both_languages_have_the_same_keys():
    assert LOCALES["zh"].keys() == LOCALES["en"].keys()


def test_both_languages_say_the_same_things():
    for key, en in LOCALES["en"].items():
        zh = LOCALES["zh"][key]
        assert zh, key
        assert placeholders(zh) - {"tenths"} == placeholders(en) - {"percent"}, key


def test_every_key_that_is_used_exists():
    asked = re.findall(r"""(?:\bt|words|aged|known)\(\s*(?:words, )?["']([\w.-]+)["']""", sources())
    asked += re.findall(r"""["']((?:staff|error|help|welcome|coupon)\.[\w.]+)["']""", sources())
    files = (".", ".css", ".js", ".html")
    missing = {key for key in asked if key not in LOCALES["en"] and not key.endswith(files)}
    assert missing == set()


def test_every_key_is_used():
    text = sources()
    unused = {
        key
        for key in LOCALES["en"]
        if f'"{key}"' not in text and f"'{key}'" not in text and not key.startswith(COMPOSED)
    }
    assert unused == set()


def test_every_answer_and_refusal_has_its_sentence():
    for key in ANSWER_KINDS.values():
        assert {key, f"{key}.lead"} <= LOCALES["en"].keys()
    for refusal in (WalletError, *WalletError.__subclasses__()):
        assert refusal.text_key in LOCALES["en"]
    for topic in HELP_TOPICS:
        assert f"help.topic.{topic}" in LOCALES["en"]


def test_chinese_is_written_with_chinese_marks():
    for key, text in LOCALES["zh"].items():
        assert text.isascii() or not re.search(r"[,;?]", text), key


@pytest.mark.parametrize(
    ("cents", "currency", "written"),
    [
        (36800, "CNY", "¥368"),
        (4850, "CNY", "¥48.50"),
        (123456700, "EUR", "€1,234,567"),
        (980, "JPY", "JP¥980"),
        (5, "CHF", "CHF 0.05"),
    ],
)
def test_prices_are_written_as_on_a_price_tag(cents: int, currency: str, written: str):
    assert words_in("en").money(cents, currency) == written


def test_chinese_counts_the_tenths_that_remain_to_be_paid():
    assert words_in("zh").discount(20, 0, "CNY") == "8 折"
    assert words_in("zh").discount(15, 0, "CNY") == "8.5 折"
    assert words_in("en").discount(15, 0, "CNY") == "15% off"
    assert words_in("zh").discount(0, 3000, "CNY") == "立减 ¥30"


@pytest.mark.parametrize(
    ("age_s", "said"),
    [(0, "just now"), (5, "5 s ago"), (60, "1 min ago"), (7199, "1 h ago"), (172800, "2 d ago")],
)
def test_ages_are_said_in_one_unit(age_s: float, said: str):
    assert words_in("en").age(age_s) == said


def test_a_language_that_the_store_does_not_offer_becomes_its_first():
    assert choose_language("fr", LANGUAGES) == "zh"
    assert choose_language(None, ("en", "zh")) == "en"
    assert choose_language("en", ("zh",)) == "zh"


def test_a_reason_that_this_version_does_not_know_is_named_as_it_is():
    assert words_in("en").known("because.new", "because.unknown", reason="new") == "Because: new"
