"""What codes mean, and that none of them can do harm."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.codes import Code, normal_gtin, understand

PATTERNS = (re.compile(r"VIP-(?P<code>\d{6})"), re.compile(r"29\d{11}"))


@pytest.mark.parametrize(
    ("raw", "kind", "subject"),
    [
        (b"sb:m:ANNA-1", "member", "ANNA-1"),
        (b"VIP-123456", "member", "123456"),
        (b"2912345678901", "member", "2912345678901"),
        (b"6901234567892", "product", "6901234567892"),
        (b"036000291452", "product", "0036000291452"),
        (b"96385074", "product", "96385074"),
        (b"00036000291452", "product", "0036000291452"),
        (b"https://id.gs1.org/01/09506000134352/10/ABC?x=1", "product", "9506000134352"),
        (b"sb:c:c-77", "coupon", "c-77"),
        (b"sb:s:store-1", "store", "store-1"),
        (b"sb:p:new-in", "page", "new-in"),
        (b"sb:t:card\r\n", "payment", "card"),
    ],
)
def test_a_code_is_understood(raw: bytes, kind: str, subject: str):
    code = understand(raw, PATTERNS)
    assert (code.kind, code.subject) == (kind, subject)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "empty_code"),
        (b" \r\n", "empty_code"),
        (b"A" * 4096, "too_long"),
        (b"6901234567893", "unknown_code"),
        (b"0000000000000", "unknown_code"),
        (b"sb:m:", "unknown_code"),
        (b"sb:m:A'; DROP TABLE visits;--", "unknown_code"),
        (b"sb:p:<script>alert(1)</script>", "unknown_code"),
        (b"sb:p:../../etc/passwd", "unknown_code"),
        (b"sb:c:a\x00b", "unknown_code"),
        (b"\x1b[2Jhello", "unknown_code"),
        (b"\xff\xfe\x00", "unknown_code"),
        ("６９０１２３４５６７８９２".encode(), "unknown_code"),
    ],
)
def test_what_is_no_code_of_ours_is_unknown(raw: bytes, fault: str):
    assert understand(raw, PATTERNS) == Code(kind="unknown", fault=fault)


@given(st.binary(max_size=5000))
def test_no_bytes_whatever_raise(raw: bytes):
    code = understand(raw, PATTERNS)
    assert (code.kind == "unknown") == bool(code.fault)


@given(st.integers(min_value=1, max_value=10**12 - 1))
def test_a_number_with_a_wrong_digit_is_no_product(number: int):
    digits = f"{number:012d}"
    right = [f"{digits}{check}" for check in range(10) if normal_gtin(f"{digits}{check}")]
    assert len(right) == 1
