"""What codes mean, and that none of them can do harm."""

import re
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.codes.codes import UNKNOWN, Code, Rules, normal_gtin, understand
from edge_agent.codes.in_store import readers_of
from edge_agent.codes.measure import Measure
from hardware.codes.gtin import check_digit
from tests.strategies import signed_codes
from wire.signed import SIGNED_KINDS, SignedCode, sign, signers_of

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PATTERNS = (re.compile(r"VIP-(?P<code>\d{6})"), re.compile(r"29\d{11}"))
RULES = Rules(member_patterns=PATTERNS)
SIGNERS = signers_of([KEY.public_key().public_bytes_raw().hex()])
STRICT = Rules(member_patterns=PATTERNS, signers=SIGNERS)
IN_STORE = Rules(
    in_store=readers_of(
        ["21IIIIIPPPPPC", "22IIIIIWWWWWC", "02IIIIIVPPPPC", "26IIIIIPPPPPWWWWWC"], ""
    )
)


def with_check(body: str) -> bytes:
    return f"{body}{check_digit(body)}".encode()


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
        (b"]E06901234567892", "product", "6901234567892"),
        (b"sb:c:c-77", "coupon", "c-77"),
        (b"sb:s:store-1", "store", "store-1"),
        (b"sb:d:kiosk-1", "device", "kiosk-1"),
        (b"sb:p:new-in", "page", "new-in"),
        (b"sb:t:card\r\n", "payment", "card"),
    ],
)
def test_a_code_is_understood(raw: bytes, kind: str, subject: str):
    code = understand(raw, RULES)
    assert (code.kind, code.subject, code.fault) == (kind, subject, "")


@pytest.mark.parametrize(
    ("raw", "subject", "measure"),
    [
        # From the examples of the GS1 General Specifications and of GS1 US.
        (b"0109501101530003", "9501101530003", None),
        (b"]C1010950110153000317140704" + b"10AB-123", "9501101530003", None),
        (b"]d2010950110153000310AB-123\x1d17140704", "9501101530003", None),
        (b"\x1d0109501101530003\x1d10AB-123\x1d37" + b"20", "9501101530003", None),
        (b"01906141410000153202000150", "90614141000015", Measure(weight_g=680)),
        (b"]e001900123456789083103001750", "90012345678908", Measure(weight_g=1750)),
        (
            b"]e0019001234567890831030017503932156" + b"1234",
            "90012345678908",
            Measure(weight_g=1750, price=Decimal("12.34"), currency="CNY"),
        ),
        (b"]e00190012345678908392" + b"0980", "90012345678908", Measure(price=Decimal(980))),
        (b"01900123456789083012", "90012345678908", Measure(pieces=12)),
        (b"]C10100000096385074", "96385074", None),
        # From the examples of the GS1 Digital Link standard.
        (b"https://id.gs1.org/01/09506000134352/10/ABC?x=1", "9506000134352", None),
        (b"https://id.gs1.org/01/09506000134352/", "9506000134352", None),
        (b"HTTPS://EXAMPLE.COM/some/path/01/9520123456788?17=180426", "9520123456788", None),
        (b"https://id.gs1.org/01/614141123452?3103=000195", "0614141123452", Measure()),
        (
            b"https://id.gs1.org/01/90614141000015?3922=150",
            "90614141000015",
            Measure(price=Decimal("1.50")),
        ),
    ],
)
def test_what_gs1_says_of_goods_is_understood(raw: bytes, subject: str, measure: Measure | None):
    assert understand(raw, RULES) == Code(kind="product", subject=subject, measure=measure)


@pytest.mark.parametrize(
    "raw",
    [
        b"(01)09501101530003",
        b"0109501101530004",
        b"0109501101530003\x1d0109506000134352",
        b"010950110153000317149904",
        b"]C10209501101530003" + b"3720",
        b"]C100395011015300000011",
        b"]C1",
        b"]",
        b"]d2" + b"99" * 100,
        b"https://id.gs1.org/00/106141412345678908?02=00614141123452&37=25&10=ABC123",
        b"https://id.gs1.org/01/614141123453",
        b"https://id.gs1.org/01/614141123452?10=A&01=09506000134352",
        b"https://[::1/01/614141123452",
        b"ftp://id.gs1.org/01/614141123452",
        b"https://id.gs1.org/01/%2e%2e%2f",
    ],
)
def test_what_gs1_says_of_no_or_of_two_trade_items_is_unknown(raw: bytes):
    assert understand(raw, RULES) == UNKNOWN


@pytest.mark.parametrize(
    ("raw", "product", "measure"),
    [
        (with_check("210601304008"), with_check("210601300000"), Measure(price_cents=4008)),
        (with_check("220601301234"), with_check("220601300000"), Measure(weight_g=1234)),
        # 28.75 has the check digit 9 (GS1 General Specifications 7.9.3).
        (with_check("021234592875"), with_check("021234500000"), Measure(price_cents=2875)),
        (
            with_check("26012340150000500"),
            with_check("260123400000"),
            Measure(price_cents=1500, weight_g=500),
        ),
    ],
)
def test_a_stores_own_code_says_which_goods_and_how_much(
    raw: bytes, product: bytes, measure: Measure
):
    code = understand(raw, IN_STORE)
    assert (code.kind, code.subject, code.measure) == ("product", product.decode(), measure)


@pytest.mark.parametrize(
    ("region", "raw", "product", "measure"),
    [
        ("se", "2088060112343", "2088060100005", Measure(price=Decimal("12.34"))),
        ("se", "2388060112344", "2388060100006", Measure(weight_g=1234)),
        ("dk", "2712345001230", "2712345000004", Measure(weight_g=123)),
        ("gb", "2011122912346", "2011122000006", Measure(price=Decimal("12.34"))),
    ],
)
def test_a_country_says_how_its_stores_write_weights_and_prices(
    region: str, raw: str, product: str, measure: Measure
):
    raw, product = (f"{each[:12]}{check_digit(each[:12])}" for each in (raw, product))
    code = understand(raw.encode(), Rules(in_store=readers_of([], region)))
    assert code == Code(kind="product", subject=product, measure=measure)
    assert understand(raw.encode(), RULES) == Code(kind="product", subject=raw)


def test_a_wrong_check_digit_within_an_in_store_code_is_uncertain():
    code = understand(with_check("021234582875"), IN_STORE)
    assert (code.kind, code.fault) == ("product", "uncertain")
    wrong = with_check("201112281234")
    code = understand(wrong, Rules(in_store=readers_of([], "gb")))
    assert (code.kind, code.fault) == ("product", "uncertain")


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "empty_code"),
        (b" \r\n", "empty_code"),
        (b"A" * 4096, "too_long"),
        (b"\xff" * 4096, "too_long"),
        (b"6901234567893", "unknown_code"),
        (b"0000000000000", "unknown_code"),
        (b"sb:m:", "unknown_code"),
        (b"sb:m:A'; DROP TABLE visits;--", "unknown_code"),
        (b"sb:p:<script>alert(1)</script>", "unknown_code"),
        (b"sb:p:../../etc/passwd", "unknown_code"),
        (b"sb:c:a\x00b", "unknown_code"),
        (b"SB1:M:", "unknown_code"),
        (b"SB1:M:AAAA", "unknown_code"),
        (b"SB2:M:AAAA", "unknown_code"),
        (b"\x1b[2Jhello", "unknown_code"),
        (b"\xff\xfe\x00", "unknown_code"),
        ("６９０１２３４５６７８９２".encode(), "unknown_code"),
        ("0109501101530003٣".encode(), "unknown_code"),
    ],
)
def test_what_is_no_code_of_ours_is_unknown(raw: bytes, fault: str):
    assert understand(raw, RULES) == Code(kind="unknown", fault=fault)


hostile = st.one_of(
    st.binary(max_size=5000),
    st.binary(max_size=40).map(b"]C1".__add__),
    st.text("0123456789\x1d]C1eQ", max_size=60).map(str.encode),
    st.text("0123456789", max_size=40).map(lambda digits: f"01{digits}".encode()),
    st.text("/0123456789?&=%[]:@#.", max_size=60).map(lambda text: f"https://a/01/{text}".encode()),
    st.tuples(
        st.sampled_from(["310", "320", "392", "393", "30", "17", "21", "8008"]),
        st.text("0129ABC\x1d", max_size=20),
    ).map(lambda two: f"]C10190012345678908{two[0]}{two[1]}".encode()),
    signed_codes.map(lambda code: sign(code, OTHER)[:-1].encode()),
)


@given(hostile, st.sampled_from([RULES, STRICT, IN_STORE]), st.sampled_from(["", "UPC-E", "QR"]))
def test_no_bytes_whatever_raise(raw: bytes, rules: Rules, symbology: str):
    code = understand(raw, rules, symbology)
    assert (code.kind == "unknown") <= bool(code.fault)
    assert code.measure is None or code.kind == "product"


@given(st.integers(min_value=1, max_value=10**12 - 1))
def test_a_number_with_a_wrong_digit_is_no_product(number: int):
    digits = f"{number:012d}"
    right = [f"{digits}{check}" for check in range(10) if normal_gtin(f"{digits}{check}")]
    assert len(right) == 1


def test_a_upc_e_code_is_the_number_that_it_is_short_for():
    assert understand(b"01234565", RULES, "UPC-E").subject == "0012345000065"
    assert understand(b"96385074", RULES, "EAN-8").subject == "96385074"


@given(signed_codes)
def test_what_the_tenant_signed_is_believed(code: SignedCode):
    understood = understand(sign(code, KEY).encode(), STRICT)
    assert (understood.kind, understood.fault) == (code.kind, "")
    assert understood.subject == ("" if code.kind == "member" else code.subject)
    assert understood.signed is not None
    assert understood.signed.subject == code.subject


def test_what_another_signed_is_not_believed():
    page = sign(SignedCode(kind="page", subject="goods", issued_at_s=1), OTHER).encode()
    wrong = Code(kind="unknown", fault="wrong_signature")
    assert [understand(page, rules) for rules in (STRICT, RULES)] == [wrong, wrong]


def test_where_keys_are_known_the_short_form_counts_only_for_what_it_may():
    def kinds(rules: Rules) -> list[str]:
        codes = (understand(f"sb:{letter}:x1".encode(), rules) for letter in "mcsdpt")
        return [code.fault or code.kind for code in codes]

    assert kinds(RULES) == list(SIGNED_KINDS)
    assert kinds(STRICT) == ["unsigned", "coupon", "store", "device", "page", "unsigned"]
    loose = Rules(signers=SIGNERS, unsigned=frozenset({"member"}))
    assert kinds(loose) == ["member", *["unsigned"] * 5]
    assert understand(b"VIP-123456", STRICT).kind == "member"
