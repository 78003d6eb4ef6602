"""What somebody could pay with is recognised, and kept nowhere: no file, no log, no message."""

import base64
import json
import logging
import os
import pty
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent import config, local_view
from edge_agent.agent import Agent
from edge_agent.codes.codes import Rules, understand
from edge_agent.codes.in_store import readers_of
from edge_agent.codes.payment_codes import DIGITS, EXAMPLES, way_to_pay
from edge_agent.config import ConfigError
from edge_agent.database.database import Database
from edge_agent.delivery.recorder import Writing
from hardware.codes.gtin import check_digit
from hardware.readings import CodeReading
from hardware.simulated import Feed
from tests.edge_builders import wait_until
from tests.edge_store import KEY, SHOE, a_product
from wire.codec import decode, decode_event
from wire.events import Scan
from wire.loopback import LoopbackBroker, LoopbackLink
from wire.messages import Change
from wire.plain import plain_message
from wire.topics import shard_filters, shard_of
from wire.views import encode_view

# The payload of a published example of EMV QRCPS, and the beginning of every consumer-presented
# one with a made-up rest.
MERCHANT = (
    "00020101021252044131153137210116372101160123456789ABCDE6010Phnom Penh5913Merchant Shop5802KH"
    "540510.005303840622501081234567802090124444446304A0BA"
)
CARD = "hQVDUFYwMWETTwegAAADMyAQUAhVbmlvblBheQ8742163905518825364"
LONG = MERCHANT.replace("6304", "8099" + "87421639055188253640" * 20 + "6304")
# The digits that must be found nowhere. Behind 28 they are a sound in-store code, too.
CANARY = "8742163905518825"
SHOWN = (
    f"13{CANARY}",
    f"28{CANARY}",
    f"25{CANARY}190283",
    f"62{CANARY}9",
    f"01{CANARY}3",
    "28 8742 1639 0551 8825",
    f"]C013{CANARY}",
    f"wxp://f2f0{CANARY}",
    f"https://qr.alipay.com/fkx{CANARY}",
    f"https://qr.95516.com/00010000/{CANARY}",
    CARD,
    LONG,
)


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("134567890123456789", "wechat"),
        ("1345 6789 0123 4567 89", "wechat"),
        ("2812345678901234", "alipay"),
        ("301234567890123456789012", "alipay"),
        ("6212345678901234567", "unionpay"),
        ("0112345678901234567", "e-cny"),
        (MERCHANT, "emv"),
        (LONG, "emv"),
        (CARD, "emv-card"),
        ("wxp://f2f0abc", "wechat"),
        ("HTTPS://QR.ALIPAY.COM/FKX123", "alipay"),
        ("https://qr.95516.com/1", "unionpay"),
        ("164567890123456789", ""),
        ("13456789012345678", ""),
        ("281234567890123", ""),
        ("3112345678901234", ""),
        ("6901234567892", ""),
        ("https://alipay.com.example/x", ""),
        ("１３４５６７８９０１２３４５６７８９", "wechat"),
        ("\ufeff13456789\u200b0123456789\x00", "wechat"),
        ("https://qr.alipay.com./fkx", "alipay"),
        ("https://pay@qr.alipay.com:443?fkx", "alipay"),
        ("https://alipay.com@example.com/x", ""),
        ("https://evilalipay.com/x", ""),
    ],
)
def test_a_payment_code_is_known_by_its_form(text: str, way: str):
    assert way_to_pay(text) == way
    code = understand(text.encode(), Rules())
    assert (code.kind == "payment", code.way) == (bool(way), way)
    assert not way or (code.fault, code.subject) == ("not_charged", "")


def test_every_form_of_digits_has_examples():
    assert {way_to_pay(each) for each in EXAMPLES} == set(DIGITS)


@given(
    st.sampled_from([("1", "012345", 16, 16), ("2", "56789", 14, 22), ("3", "0", 14, 22)]).flatmap(
        lambda form: st.tuples(
            st.just(form[0]),
            st.sampled_from(form[1]),
            st.text("0123456789", min_size=form[2], max_size=form[3]),
        ).map("".join)
    )
)
def test_no_payment_code_becomes_a_member_a_product_or_a_sealed_code(text: str):
    assert understand(text.encode(), Rules()).kind == "payment"


def test_digits_that_may_be_both_are_goods_only_where_the_number_fits():
    """Scales of the trade in China print 18 digits from 26, as Alipay does."""
    rules = Rules(in_store=readers_of(["26IIIIIPPPPPWWWWWC"], ""))
    body = "26012340150000500"
    label, code = f"{body}{check_digit(body)}", f"{body}{(check_digit(body) + 1) % 10}"
    assert (understand(label.encode(), rules).kind, understand(code.encode(), rules).kind) == (
        "product",
        "payment",
    )


def test_a_pattern_of_members_that_fits_payment_codes_is_refused_at_the_start(tmp_path: Path):
    with pytest.raises(ConfigError, match="also fits payment codes of alipay") as caught:
        config.from_table(
            {
                "tenant": "acme",
                "store": "s",
                "identifier_key": KEY.hex(),
                "codes": {"member_patterns": [r"28\d{14}", r"8\d{11}"]},
            },
            {},
        )
    assert len(caught.value.problems) == 1


@pytest.fixture
def scanner() -> Iterator[tuple[int, str]]:
    """A scanner on a serial line: where it writes, and the path of its port."""
    far, near = pty.openpty()
    yield far, os.ttyname(near)
    os.close(far)
    os.close(near)


def traces(content: bytes) -> list[str]:
    """Say in which form the canary is in some bytes."""
    forms = {
        "plain": CANARY.encode(),
        "grouped": b"8742 1639 0551 8825",
        "hexadecimal": CANARY.encode().hex().encode(),
        "packed": bytes.fromhex(CANARY),
        "number": int(CANARY).to_bytes(8),
        "reversed": CANARY[::-1].encode(),
        "wide": CANARY.encode("utf-16-le"),
    }
    for shift in range(3):
        # Without the ends, which depend on what stands beside it.
        forms[f"base64, shifted by {shift}"] = base64.b64encode(b"0" * shift + CANARY.encode())[
            4:-4
        ]
    return [name for name, form in forms.items() if form in content]


def test_no_payment_code_is_in_any_file_log_or_message_of_a_store(
    tmp_path: Path, scanner: tuple[int, str], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    far, port = scanner
    broker, feed = LoopbackBroker(), Feed()
    heard: list[bytes] = []
    cloud = LoopbackLink(broker, "cloud")
    cloud.open(
        subscriptions=shard_filters(shard_of("acme", "store-1")),
        on_message=lambda _, payload: heard.append(payload),
        on_up=lambda: None,
        on_down=lambda _: None,
        will=lambda: None,
    )
    folder = tmp_path / "store"
    agent = Agent(a_store(folder, port, feed), LoopbackLink(broker, "acme-store-1"))
    agent.start()
    try:
        agent.recorder.write(sell)
        for text in SHOWN:
            for _ in range(2):
                os.write(far, text.encode() + b"\r")
            for sure in (True, False):
                feed.put(CodeReading(data=text.encode(), symbology="QR", at_mono_ms=1, sure=sure))
        os.write(far, SHOE.encode() + b"\r")
        wait_until(lambda: SHOE in str(scans_of(agent.database)), "the last scan")
        wait_until(lambda: any(SHOE in plain(each) for each in heard), "the last scan at the cloud")
        paid = [scan for scan in scans_of(agent.database) if scan.code_kind == "payment"]
        copied = shutil.copytree(folder, tmp_path / "as it lies on the disk")
    finally:
        agent.close()
        cloud.close()
    files = [path for place in (copied, folder) for path in place.rglob("*") if path.is_file()]
    assert any(path.name.endswith("-wal") and path.stat().st_size for path in files)
    # The search finds what is there.
    assert any(SHOE.encode() in path.read_bytes() for path in files)
    assert {str(path): traces(path.read_bytes()) for path in files} == {str(p): [] for p in files}
    assert traces(caplog.text.encode()) == []
    assert [traces(plain(each).encode()) for each in heard] == [[]] * len(heard)
    assert len(paid) >= 2 * len(SHOWN)
    assert {(scan.sealed, scan.product, scan.coupon) for scan in paid} == {(b"", "", "")}


def a_store(folder: Path, port: str, feed: Feed) -> config.AgentConfig:
    till = {"name": "till-1", "zone": "till", "role": "till"}
    table = {
        "tenant": "acme",
        "store": "store-1",
        "identifier_key": KEY.hex(),
        "folder": str(folder),
        "web": {"port": 0},
        "codes": {"debounce_s": 0, "in_store_patterns": ["28IIIIIPPPPPWWWWWC"]},
        "zones": [{"name": "till"}],
        "kiosks": [till, {"name": "kiosk-1", "zone": "till"}],
        "devices": [
            {"name": "reader-1", "driver": "barcode-serial", "zone": "till", "kiosk": "till-1",
             "options": {"port": port}},
            {"name": "reader-2", "driver": "simulated", "zone": "till", "kiosk": "kiosk-1",
             "options": {"feed": feed}},
        ],
    }  # fmt: skip
    return config.from_table(table, {})


def sell(writing: Writing) -> None:
    change = Change(table="product", key=SHOE, value=encode_view(a_product(SHOE)))
    local_view.apply(writing.connection, change)


def plain(payload: bytes) -> str:
    return json.dumps(plain_message(decode(payload)), ensure_ascii=False)


def scans_of(database: Database) -> list[Scan]:
    rows = database.reader().execute("SELECT row FROM outbox ORDER BY id").fetchall()
    bodies = [decode_event(row).body for (row,) in rows]
    return [body for body in bodies if isinstance(body, Scan)]
