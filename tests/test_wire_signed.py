"""A signed code is believed only as it was signed, and no text whatever does harm."""

import base64
from dataclasses import replace

import pytest
import segno
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import signed_codes
from wire.identifiers import key_identifier
from wire.signed import (
    CHARACTERS_MAX,
    LETTERS,
    SUBJECT_CHARACTERS_MAX,
    TOKEN_LIFETIME_S_MAX,
    SignedCode,
    SignedCodeError,
    SignedKind,
    read,
    sign,
    signer_name,
    signers_of,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC, OTHER_PUBLIC = (each.public_key().public_bytes_raw().hex() for each in (KEY, OTHER))
SIGNERS = signers_of([PUBLIC])
ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
ANNA = key_identifier("member", "ANNA-1", key=bytes(range(16)))
TOKEN = SignedCode(
    kind="member",
    subject=ANNA.value.hex(),
    issued_at_s=1_750_000_000,
    lifetime_s=60,
    number=bytes(range(8)),
)


def printed(kind: SignedKind, subject: str) -> SignedCode:
    """A code that stands on paper, for good."""
    return SignedCode(kind=kind, subject=subject, issued_at_s=1_750_000_000)


# Whoever prints or shows codes relies on these: version 1 reads them for ever.
GOLDEN = {
    "SB1:M:66OULFTIJ3QYAAAAAA6AAAICAMCAKBQHYEA6UGBZ477K3GTYSUUFC36FGS6HG7TW72DPPKXPDWQTXIKRS3KC7KJE"
    "IUWMRTXVAVVF6CXBX7SF7PQYTUBEJNCDYQQ5SEYRXMN4W6OSPYYTKPXES75ONK3ZNKPGOHIB": TOKEN,
    "SB1:C:66OULFTIJ3QYAAAAAAAAAAAAAAAAAAAAMMWTONZWNXEHLZL65EYYXTMY2V26PAUPVOTAHUSCYTF7OC3IC6FQ7KGZ"
    "JLTSJ2KCYVLMSTGNUS3PO6QH4DRJWCEHZ5NPICXD5LMBXGGMZPEAQ": printed("coupon", "c-77"),
    "SB1:S:66OULFTIJ3QYAAAAAAAAAAAAAAAAAAAAON2G64TFFUYTNAMLE6YROU6RVRXA4MND5P3F7VMTZ5PWDMD5R6SFFMKB"
    "XMSD24ZXEBAS7INYIK2CHROUWUNMJHYRUFUNH35VSXFNW77RO5EWYKZKAE": printed("store", "store-1"),
    "SB1:D:66OULFTIJ3QYAAAAAAAAAAAAAAAAAAAANNUW643LFUYRVDMWWPWNQRYK7VDHOAPABRWMH6UT3B6JAUXOR4UBW5MB"
    "SJ54L56XUD4O5S5QACGQZKBAHEPADIZDUO76MKMSFROHM57S4ZO33TTNAM": printed("device", "kiosk-1"),
    "SB1:P:66OULFTIJ3QYAAAAAAAAAAAAAAAAAAAAM5XW6ZDTUFCAGIOSGI7UGFGWAR276O5JOGTNRL7GKYI6UUXUNWXPMFNF"
    "64V5REJEYIB2WE225GNSWHDBBDT4SBZUQCJRXMJNEKZWW5GMKJ3YABI": printed("page", "goods"),
    "SB1:T:66OULFTIJ3QYAAAAAAAAAAAAAAAAAAAAMNQXEZHO2HMPUNGXOPR4MOYN57HDB5YNZ7FJ55LYM6IF56CKLN7O6QRF"
    "62PPA3RTTGGD4UZQGFVG6GNF7H2VT6NUU3GFKFLJYZEFXWJJMOJQI": printed("payment", "card"),
}


def refused(text: str, reason: str, signers: object = SIGNERS) -> None:
    with pytest.raises(SignedCodeError) as caught:
        read(text, signers)  # type: ignore[arg-type]
    assert caught.value.reason == reason


@pytest.mark.parametrize("text", GOLDEN, ids=[code.kind for code in GOLDEN.values()])
def test_codes_that_were_printed_mean_for_ever_what_they_meant(text: str):
    assert read(text, SIGNERS) == replace(GOLDEN[text], signer=signer_name(KEY.public_key()))
    assert sign(GOLDEN[text], KEY) == text


@given(signed_codes)
def test_what_was_signed_is_read_back_and_fits_a_small_code(code: SignedCode):
    text = sign(code, KEY)
    assert read(text, SIGNERS) == replace(code, signer=signer_name(KEY.public_key()))
    assert len(text) <= CHARACTERS_MAX
    assert set(text) <= ALPHANUMERIC


@given(signed_codes, st.integers(0, CHARACTERS_MAX), st.sampled_from("ABCZ27:M8=a \x1d"))
def test_no_code_is_believed_with_one_letter_changed(code: SignedCode, at: int, letter: str):
    text = sign(code, KEY)
    changed = text[: at % len(text)] + letter + text[at % len(text) + 1 :]
    if changed != text:
        with pytest.raises(SignedCodeError):
            read(changed, SIGNERS)


@given(
    st.text(max_size=300) | st.text("SB1:MCDPT:ABCXYZ234567=", max_size=240).map("SB1:M:".__add__)
)
def test_no_text_whatever_raises_anything_else(text: str):
    with pytest.raises(SignedCodeError):
        read(text, SIGNERS)


@given(st.sampled_from(list(LETTERS.values())), st.binary(max_size=140))
def test_no_bytes_whatever_in_the_right_form_are_believed(letter: str, packed: bytes):
    text = f"SB1:{letter}:" + base64.b32encode(packed).decode().rstrip("=")
    with pytest.raises(SignedCodeError):
        read(text, SIGNERS)


def test_a_code_signed_by_another_key_is_refused_and_by_either_of_two_is_not():
    text, others = sign(TOKEN, KEY), sign(TOKEN, OTHER)
    refused(others, "unknown_signer")
    both = signers_of([PUBLIC, OTHER_PUBLIC])
    assert [read(each, both).subject for each in (text, others)] == [TOKEN.subject] * 2
    refused(text, "unknown_signer", signers_of([OTHER_PUBLIC]))
    refused(text, "unknown_signer", {})


def test_a_signature_of_another_key_under_this_ones_name_is_refused():
    forged = sign(TOKEN, OTHER)
    packed = bytearray(base64.b32decode(forged[6:] + "=" * (-len(forged[6:]) % 8)))
    packed[:4] = signer_name(KEY.public_key())
    refused("SB1:M:" + base64.b32encode(packed).decode().rstrip("="), "wrong_signature")


def test_a_page_signed_as_such_is_no_way_to_pay():
    page = sign(SignedCode(kind="page", subject="card", issued_at_s=1), KEY)
    refused(page.replace("SB1:P:", "SB1:T:"), "wrong_signature")


@pytest.mark.parametrize(
    "wrong",
    [
        replace(TOKEN, subject="anna"),
        replace(TOKEN, subject=TOKEN.subject.upper()),
        replace(TOKEN, lifetime_s=TOKEN_LIFETIME_S_MAX + 1),
        replace(TOKEN, lifetime_s=-1),
        replace(TOKEN, issued_at_s=2**32),
        replace(TOKEN, number=b""),
        replace(TOKEN, kind="page", subject=""),
        replace(TOKEN, kind="page", subject="a" * (SUBJECT_CHARACTERS_MAX + 1)),
        replace(TOKEN, kind="page", subject="a b"),
        replace(TOKEN, kind="page", subject="页"),
    ],
)
def test_what_none_could_read_is_not_signed(wrong: SignedCode):
    with pytest.raises(SignedCodeError, match="by"):
        sign(wrong, KEY)


def test_a_members_token_is_a_code_of_45_modules_a_side():
    code = segno.make_qr(sign(TOKEN, KEY), error="m", boost_error=False)
    assert (code.mode, code.symbol_size(border=0)) == ("alphanumeric", (45, 45))


def test_only_what_holds_for_a_time_and_names_a_member_or_payment_counts_once():
    assert TOKEN.is_token
    assert not replace(TOKEN, lifetime_s=0).is_token
    assert not replace(TOKEN, kind="page", subject="goods").is_token
    assert (TOKEN.expires_at_s, replace(TOKEN, lifetime_s=0).expires_at_s) == (1_750_000_060, None)
