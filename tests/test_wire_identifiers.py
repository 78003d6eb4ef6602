"""No plain identifier leaves the shop, and one person's spellings give one identifier."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.identifiers import (
    IDENTIFIER_KINDS,
    NEVER_IDENTIFIERS,
    VALUE_BYTES,
    IdentifierError,
    JunkError,
    key_identifier,
)

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        (
            "phone",
            ["13800138000", "+86 138 0013 8000", "0086-138-0013-8000", "１３８００１３８０００"],
        ),
        ("phone", ["+44 20 7946 0018", "0044 2079460018"]),
        ("member", ["ab-12 cd", "AB12CD", "ａｂ１２ｃｄ"]),
        ("email", [" Li.Na@Example.com", "li.na@example.com "]),
    ],
)
def test_spellings_of_one_are_one(kind: str, spellings: list[str]):
    assert len({key_identifier(kind, plain, key=KEY) for plain in spellings}) == 1


def test_kind_and_key_keep_identifiers_apart():
    one = key_identifier("app", "abc", key=KEY)
    assert one != key_identifier("web", "abc", key=KEY)
    assert one.value != key_identifier("web", "abc", key=KEY).value
    assert one != key_identifier("app", "abc", key=b"other" * 8)
    assert one.key == f"app:{one.value.hex()}"


@given(kind=st.sampled_from(sorted(IDENTIFIER_KINDS)), plain=st.text(max_size=40))
def test_any_text_is_keyed_or_refused_and_never_shines_through(kind: str, plain: str):
    try:
        identifier = key_identifier(kind, plain, key=KEY)
    except IdentifierError as refused:
        text = str(refused)
        assert len(plain.strip()) < 5 or plain.strip() not in text
        return
    assert len(identifier.value) == VALUE_BYTES
    assert len(plain) < 4 or plain.encode() not in identifier.value


@pytest.mark.parametrize("kind", [*sorted(NEVER_IDENTIFIERS), "", "loyalty"])
def test_what_many_people_share_is_no_identifier(kind: str):
    with pytest.raises(IdentifierError, match="no kind of identifier"):
        key_identifier(kind, "kiosk-1", key=KEY)
    assert kind not in IDENTIFIER_KINDS


def test_a_short_key_is_our_mistake():
    with pytest.raises(ValueError, match="16 bytes"):
        key_identifier("app", "abc", key=b"short")


@pytest.mark.parametrize("plain", ["123456", "1" * 16, "no digits"])
def test_a_phone_number_has_7_to_15_digits(plain: str):
    with pytest.raises(IdentifierError, match=r"E\.164"):
        key_identifier("phone", plain, key=KEY)


@pytest.mark.parametrize(
    ("kind", "plain"),
    [("member", "0000-0000"), ("phone", "13800000000"), ("web", "undefined"), ("email", "test@x")],
)
def test_what_nobody_has_is_refused_before_it_is_keyed(kind: str, plain: str):
    with pytest.raises(JunkError, match="names nobody"):
        key_identifier(kind, plain, key=KEY)
