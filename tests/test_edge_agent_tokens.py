"""A token counts once in a store: whatever its clock says, after a restart, and without a line."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.codes import tokens
from edge_agent.codes.codes import Rules
from edge_agent.codes.seal import SealKey
from edge_agent.codes.tokens import PROVEN_SKEW_S, SKEW_S, TOKENS_SEEN_MAX, Known, judge
from edge_agent.codes.translate import Keys, translate
from edge_agent.devices import scans
from edge_agent.devices.scans import Spot
from edge_agent.places import Place
from edge_agent.visits import visits
from edge_agent.visits.answers import Answer
from hardware.readings import CodeReading
from tests.edge_store import ANNA, BO, KEY, KIOSK, NOON, READER, TILL, Shop, a_shop
from wire.events import Clock, Scan
from wire.signed import NUMBER_BYTES, SignedCode, sign, signers_of

OLD, NEW, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
NOON_S = NOON // 1_000_000
HOUR_S = 3_600
AT_KIOSK = Spot(place=READER, store="store-1", kiosk=KIOSK)
AT_TILL = Spot(
    place=Place(device="reader-2", zone="checkout"), store="store-1", kiosk=TILL, role="till"
)


def keys_of(*signers: Ed25519PrivateKey) -> Keys:
    public = [each.public_key().public_bytes_raw().hex() for each in signers]
    rules = Rules(signers=signers_of(public))
    return Keys(identifier_key=KEY, seal=SealKey(name="k1", key=bytes(32)), rules=rules)


KEYS = keys_of(OLD)


def token(number: int = 0, *, issued_s: int = NOON_S, lifetime_s: int = 60) -> SignedCode:
    """Anna's token; `number` tells one from the next."""
    return SignedCode(
        kind="member",
        subject=ANNA.value.hex(),
        issued_at_s=issued_s,
        lifetime_s=lifetime_s,
        number=number.to_bytes(NUMBER_BYTES),
    )


def scan(
    shop: Shop,
    code: SignedCode,
    *,
    spot: Spot = AT_KIOSK,
    key: Ed25519PrivateKey = OLD,
    keys: Keys = KEYS,
) -> str:
    reading = CodeReading(data=sign(code, key).encode(), symbology="QR", at_mono_ms=0)
    translated = translate(reading, keys, nonce=bytes(12))
    answer: Answer | None = shop.recorder.write(
        lambda w: scans.take(w, shop.clock.now(), spot, translated)
    )
    return "" if answer is None else answer.kind


def faults(shop: Shop) -> list[str]:
    bodies = [event.body for event in shop.events("scan")]
    return [body.fault for body in bodies if isinstance(body, Scan)]


@pytest.mark.parametrize(
    ("issued_s", "quality", "verdict"),
    [
        (0, Clock.SYNCED, ""),
        (-60 - SKEW_S[Clock.SYNCED], Clock.SYNCED, ""),
        (-61 - SKEW_S[Clock.SYNCED], Clock.SYNCED, "token_expired"),
        (SKEW_S[Clock.SYNCED], Clock.SYNCED, ""),
        (SKEW_S[Clock.SYNCED] + 1, Clock.SYNCED, "token_early"),
        (SKEW_S[Clock.FREE], Clock.FREE, ""),
        (SKEW_S[Clock.FREE] + 1, Clock.FREE, "token_early"),
        (-61 - SKEW_S[Clock.FREE], Clock.FREE, "token_expired"),
        (-30 * 24 * HOUR_S, Clock.UNKNOWN, ""),
        (30 * 24 * HOUR_S, Clock.UNKNOWN, ""),
    ],
)
def test_a_token_holds_for_its_lifetime_as_far_as_the_clock_is_trusted(
    issued_s: int, quality: Clock, verdict: str, tmp_path: Path
):
    with a_shop(tmp_path) as shop:
        shop.clock.set_wall(NOON, quality=quality)
        code = token(issued_s=NOON_S + issued_s)
        assert judge(code, shop.clock.now(), Known()) == verdict
        assert scan(shop, code) == (verdict or "welcome")
        assert faults(shop) == [verdict]


def test_a_token_shown_a_second_time_is_refused_after_a_restart_too(tmp_path: Path):
    with a_shop(tmp_path) as shop:
        assert scan(shop, token()) == "welcome"
        assert scan(shop, token(), spot=AT_TILL) == "token_used"
    with a_shop(tmp_path) as shop:
        visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")
        assert scan(shop, token()) == "token_used"
        assert scan(shop, token(1)) == "welcome"


def test_a_refused_token_names_nobody_and_begins_no_visit(tmp_path: Path):
    with a_shop(tmp_path) as shop:
        scan(shop, token())
        visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")
        scan(shop, token())
        scan(shop, token(1, issued_s=NOON_S - HOUR_S))
        assert shop.current() is None
        for event in shop.events("scan")[1:]:
            assert (event.identifiers, event.visit) == ((), b"")
            assert event.body == Scan("member", "QR", fault=event.body.fault)  # type: ignore[union-attr]
        assert faults(shop) == ["", "token_used", "token_expired"]


def test_whoever_stands_here_already_is_told_that_their_code_was_read(tmp_path: Path):
    with a_shop(tmp_path) as shop:
        scan(shop, token())
        assert scan(shop, token()) == "already_scanned"
        assert len(shop.events("scan")) == 1
        shop.begin(BO)
        assert scan(shop, token()) == "token_used"


def test_a_reader_without_a_kiosk_does_not_count_a_token_twice(tmp_path: Path):
    spot = Spot(place=READER, store="store-1")
    with a_shop(tmp_path) as shop:
        assert [scan(shop, token(), spot=spot) for _ in range(2)] == ["", ""]
        assert [event.identifiers for event in shop.events()] == [(ANNA,), ()]


@pytest.mark.parametrize("wrong_s", [-5 * HOUR_S, 5 * HOUR_S, -3 * 365 * 24 * HOUR_S])
def test_a_clock_that_is_wrong_by_hours_and_says_so_lets_members_in_and_nobody_twice(
    wrong_s: int, tmp_path: Path
):
    with a_shop(tmp_path) as shop:
        shop.clock.set_wall(NOON + wrong_s * 1_000_000, quality=Clock.UNKNOWN)
        assert scan(shop, token()) == "welcome"
        assert scan(shop, token(), spot=AT_TILL) == "token_used"
        # What came before has expired, as the newer token proves; however wrong the clock is.
        assert scan(shop, token(1, issued_s=NOON_S - HOUR_S), spot=AT_TILL) == "token_expired"
        assert scan(shop, token(2, issued_s=NOON_S - 30), spot=AT_TILL) == "welcome"


def test_a_clock_that_jumps_ahead_does_not_make_a_store_forget(tmp_path: Path):
    with a_shop(tmp_path) as shop:
        assert scan(shop, token()) == "welcome"
        shop.clock.set_wall(NOON + 48 * HOUR_S * 1_000_000, quality=Clock.SYNCED)
        assert scan(shop, token(1)) == "token_expired"
        shop.clock.set_wall(NOON, quality=Clock.SYNCED)
        assert scan(shop, token(), spot=AT_TILL) == "token_used"


def test_two_keys_hold_at_once_and_the_clock_of_one_does_not_harm_the_other(tmp_path: Path):
    both = keys_of(OLD, NEW)
    with a_shop(tmp_path) as shop:
        shop.clock.set_wall(NOON, quality=Clock.UNKNOWN)
        ahead = token(0, issued_s=NOON_S + 24 * HOUR_S)
        assert scan(shop, ahead, key=OLD, keys=both) == "welcome"
        assert scan(shop, token(1), key=OLD, keys=both, spot=AT_TILL) == "token_expired"
        assert scan(shop, token(1), key=NEW, keys=both, spot=AT_TILL) == "welcome"
        assert scan(shop, token(2), key=OLD, keys=keys_of(NEW), spot=AT_TILL) == "wrong_signature"


def test_a_strangers_signature_is_kept_sealed_and_begins_nothing(tmp_path: Path):
    with a_shop(tmp_path) as shop:
        assert scan(shop, token(), key=STRANGER) == "wrong_signature"
        (event,) = shop.events()
        assert isinstance(event.body, Scan)
        assert (event.body.code_kind, event.body.fault) == ("unknown", "wrong_signature")
        assert event.body.sealed
        assert (event.identifiers, shop.current()) == ((), None)
        assert scan(shop, token()) == "welcome"


def test_a_printed_card_counts_each_time_and_a_printed_coupon_until_it_expires(tmp_path: Path):
    card = token(lifetime_s=0)
    coupon = SignedCode(kind="coupon", subject="c1", issued_at_s=NOON_S, lifetime_s=HOUR_S)
    with a_shop(tmp_path) as shop:
        assert scan(shop, card, spot=AT_TILL) == "welcome"
        assert scan(shop, card) == "welcome"
        assert [scan(shop, coupon) for _ in range(2)] == ["coupon_unknown"] * 2
        shop.clock.advance(2 * HOUR_S)
        assert scan(shop, coupon) == "token_expired"
        assert scan(shop, card) == "welcome"


def test_a_full_memory_refuses_until_others_have_expired(tmp_path: Path):
    with a_shop(tmp_path) as shop:
        assert scan(shop, token()) == "welcome"
        full = (TOKENS_SEEN_MAX,)
        shop.recorder.write(lambda w: w.execute("UPDATE token_signers SET remembered = ?", full))
        assert scan(shop, token(1), spot=AT_TILL) == "tokens_full"
        shop.clock.advance(HOUR_S)
        later = [token(n, issued_s=NOON_S + HOUR_S) for n in (2, 3)]
        assert [scan(shop, each, spot=AT_TILL) for each in later] == ["tokens_full", "welcome"]


def test_what_has_expired_for_everybody_is_forgotten(tmp_path: Path):
    with a_shop(tmp_path) as shop:
        for number in range(50):
            assert scan(shop, token(number, issued_s=NOON_S + number * 60)) == "welcome"
            shop.clock.advance(60)
        kept = shop.connection.execute("SELECT count(*) FROM tokens_seen").fetchone()[0]
        remembered = shop.connection.execute("SELECT remembered FROM token_signers").fetchone()[0]
        assert kept == remembered <= PROVEN_SKEW_S // 60 + 3


CODES = [
    replace(token(n, issued_s=NOON_S + n % 4 * 5 * HOUR_S, lifetime_s=60 + n * 300), signer=b"abcd")
    for n in range(8)
]
moves = st.tuples(
    st.sampled_from(CODES),
    st.integers(-40 * HOUR_S, 40 * HOUR_S),
    st.sampled_from(Clock),
)


def counts(shop: Shop, code: SignedCode, wrong_s: int, quality: Clock) -> bool:
    """Show a token to a store whose clock is wrong by so much."""
    shop.clock.set_wall(NOON + wrong_s * 1_000_000, quality=quality)
    return not shop.recorder.write(lambda w: tokens.take(w, shop.clock.now(), code))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(moves, min_size=1, max_size=12), max_size=4))
def test_no_clock_and_no_restart_lets_a_token_count_twice(
    tmp_path_factory: pytest.TempPathFactory, lives: list[list[tuple[SignedCode, int, Clock]]]
):
    folder = tmp_path_factory.mktemp("shop")
    counted: list[bytes] = []
    for life in lives:
        with a_shop(folder) as shop:
            counted += [move[0].number for move in life if counts(shop, *move)]
    assert len(counted) == len(set(counted))
