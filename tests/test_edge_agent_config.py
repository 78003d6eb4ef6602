"""A wrong configuration is named whole, key by key, and a right one is read exactly."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent import config
from edge_agent.config import AgentConfig, ConfigError
from edge_agent.delivery.limits import Limits
from edge_agent.settings import SETTINGS
from tests.test_wire_mqtt import certificate_for

KEY = "00112233445566778899aabbccddeeff"
RIGHT: dict[str, object] = {
    "tenant": "acme",
    "store": "store-1",
    "identifier_key": KEY,
    "zones": [{"name": "shoes"}],
    "kiosks": [{"name": "kiosk-1", "zone": "shoes"}],
    "devices": [{"name": "r", "driver": "simulated", "zone": "shoes", "kiosk": "kiosk-1"}],
}


def problems(changed: dict[str, object]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config.from_table({**RIGHT, **changed}, {})
    return caught.value.problems


def test_the_least_that_must_be_said_is_enough(tmp_path: Path):
    file = tmp_path / "store.toml"
    file.write_text(
        f'tenant = "acme"\nstore = "store-1"\nidentifier_key = "{KEY}"\n[broker]\nport = 1884\n'
    )
    read = config.load(file, {})
    assert (read.tenant, read.broker.port, read.identifier_key) == (
        "acme",
        1884,
        bytes.fromhex(KEY),
    )
    assert read.outbox == Limits()
    assert read.database == tmp_path / "store" / "store.sqlite3"
    assert read.sealed_key_file == tmp_path / "store" / "sealed.key"


def test_every_wrong_key_is_named_at_once_with_the_file_and_what_is_expected(tmp_path: Path):
    file = tmp_path / "store.toml"
    file.write_text(
        'tenant = "A B"\nlangages = ["zh"]\n[broker]\nport = "x"\nprot = 5\n'
        '[web]\nthreads = 4\n[[zones]]\nnam = "a"\n[outbox]\nrows_policy = "drop"\n'
    )
    with pytest.raises(ConfigError) as caught:
        config.load(file, {})
    text = str(caught.value)
    assert text.startswith(f"{file}: 10 wrong keys")
    for line in (
        "langages: no such setting; did you mean languages?",
        "tenant: 'A B' is not 1 to 40 of a-z",
        "store: is missing; it is the store",
        "identifier_key: is missing",
        "broker.prot: no such setting; did you mean broker.port?",
        "broker.port: 'x' is not a whole number from 1 to 65535",
        "web.threads: 4 is not a whole number from 32 to 256",
        "zones[0].nam: no such setting; did you mean zones[].name?",
        "zones[0].name: is missing",
        "outbox.rows_policy: 'drop' is not one of evict-oldest, refuse-new",
    ):
        assert line in text


def test_what_contradicts_itself_is_named_beside_what_is_wrong_by_itself(tmp_path: Path):
    camera = {"driver": "barcode-camera", "options": {"sorce": 1}}
    table = {
        "web": {"port": "x"},
        "broker": {"tls_ca": "absent.pem"},
        "kiosks": [{"name": "k", "zone": "shoe"}],
        "devices": [
            {"name": "r", "zone": "nowhere", "kiosk": "kk", **camera},
            {"name": "r", "zone": "shoes", "driver": "camra"},
            {"zone": "shoe", "driver": "simulated", "options": 3},
        ],
    }
    with pytest.raises(ConfigError) as caught:
        config.from_table({**RIGHT, **table}, {}, folder=tmp_path)
    told = [each.split(": ")[0] for each in caught.value.problems]
    assert told == [
        "web.port", "devices[1].driver", "devices[2].name", "devices[2].options",
        "broker.tls_ca", "kiosks[k].zone", "devices[r].zone", "devices[r].kiosk",
        "devices[r].options.sorce", "devices[r].options.source", "devices[2].zone",
    ]  # fmt: skip


def test_what_may_be_right_once_a_name_is_mended_is_not_called_wrong():
    devices = [{"name": "r", "driver": "simulated", "zone": "shoes"}]
    for zones in ([{"nam": "shoes"}], {"name": "shoes"}):
        told = problems({"zones": zones, "kiosks": [], "devices": devices})
        assert all(each.startswith("zones") for each in told)


def test_a_setting_in_the_wrong_table_is_pointed_to_its_own():
    (problem,) = problems({"debounce_s": 2})
    assert problem == "debounce_s: no such setting; did you mean codes.debounce_s?"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"kiosks": [{"name": "k", "zone": "shoe"}], "devices": []}, "did you mean shoes?"),
        ({"zones": [{"name": "shoes"}, {"name": "shoes"}]}, "zones: 'shoes' is there more than"),
        (
            {
                "devices": [
                    {"name": "r", "driver": "simulated", "zone": "shoes", "kiosk": "kiosk-2"}
                ]
            },
            "devices[r].kiosk: 'kiosk-2' is no kiosk of this store; did you mean kiosk-1?",
        ),
        (
            {
                "devices": [
                    {
                        "name": "r",
                        "driver": "simulated",
                        "zone": "shoes",
                        "options": {"repeet": True},
                    }
                ]
            },
            "devices[r].options.repeet: no such option",
        ),
        ({"devices": [{"name": "r", "driver": "camara", "zone": "shoes"}]}, "is not one of "),
        (
            {"devices": [{"name": "r", "driver": "barcode-page", "zone": "shoes"}]},
            "devices[r].kiosk: expects a kiosk or till, one for each such scanner",
        ),
        (
            {
                "devices": [
                    {"name": name, "driver": "barcode-page", "zone": "shoes", "kiosk": "kiosk-1"}
                    for name in ("q", "r")
                ]
            },
            "devices[r].kiosk: expects a kiosk or till, one for each such scanner",
        ),
        ({"codes": {"member_patterns": ["("]}}, "is not a list in which each value is a regular"),
        ({"timezone": "Asia/Shangai"}, "is not a time zone such as Asia/Shanghai"),
        ({"web": {"staff_pin_hash": "1234"}}, "`storebridge agent pin` prints; a plain PIN"),
        ({"web": 3}, "web: 3 is not a table of settings"),
        ({"web": {"frame_ancestors": ["https://a; script-src *"]}}, "each value is an origin"),
        ({"zones": {"name": "shoes"}}, "is not a list of tables"),
    ],
)
def test_what_contradicts_itself_is_named(changed: dict[str, object], problem: str):
    assert any(problem in each for each in problems(changed))


def test_a_secret_comes_from_the_environment_first_and_is_never_repeated():
    environ = {"STOREBRIDGE_IDENTIFIER_KEY": "ff" * 16}
    assert config.from_table(RIGHT, environ).identifier_key == bytes.fromhex("ff" * 16)
    text = "\n".join(problems({"identifier_key": "my-secret", "broker": {"password": 12345}}))
    assert "my-secret" not in text
    assert "12345" not in text
    assert "4711" not in "".join(problems({"web": {"staff_pin_hash": "4711"}}))
    assert "the secret is not a key of 16 to 64 bytes" in text


def test_a_file_that_is_no_toml_or_no_file_says_so(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: No such file"):
        config.load(tmp_path / "none.toml", {})
    file = tmp_path / "store.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"store\.toml is not TOML: "):
        config.load(file, {})


def test_every_setting_stands_in_the_table_and_nowhere_else():
    """A field without its line in SETTINGS, or a line without its field, would fail to load."""
    read = config.from_table(RIGHT, {})
    for setting in SETTINGS:
        value: object = read
        for part in setting.name.split("."):
            field = part.removesuffix("[]")
            assert hasattr(value, field), setting.name
            value = getattr(value, field)
            if part.endswith("[]"):
                value = value[0]  # type: ignore[index]
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
sections = sorted({each.name.split(".")[0].removesuffix("[]") for each in SETTINGS})


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sections) | st.text(max_size=8), anything, max_size=4))
def test_whatever_stands_in_a_file_is_read_or_named(changed: dict[str, object]):
    try:
        read = config.from_table({**RIGHT, **changed}, {})
    except ConfigError:
        return
    assert isinstance(read, AgentConfig)


def test_a_broker_certificate_that_cannot_be_used_is_a_wrong_key(tmp_path: Path):
    (tmp_path / "garbled.pem").write_text("no certificate")
    for name, why in (("absent.pem", "No such file"), ("garbled.pem", "no PEM certificate")):
        table = {**RIGHT, "broker": {"tls_ca": name}}
        with pytest.raises(
            ConfigError, match=rf"broker\.tls_ca: .*{name}.*{why}.*empty for no TLS"
        ):
            config.from_table(table, {}, folder=tmp_path)


def test_a_broker_certificate_lies_beside_the_file_that_names_it(tmp_path: Path):
    certificate, _ = certificate_for("127.0.0.1", tmp_path)
    table = {**RIGHT, "broker": {"tls_ca": certificate.name}}
    assert config.from_table(table, {}, folder=tmp_path).broker.tls_ca == certificate
