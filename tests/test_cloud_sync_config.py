import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.config import CloudConfig, ConfigError, from_table, load
from cloud_sync.settings import SETTINGS
from settings.checks import Expected
from settings.setting import Setting

KEY = "00112233445566778899aabbccddeeff"


def problems(table: dict[str, object]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        from_table(table, {})
    return raised.value.problems


def test_an_empty_file_is_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "cloud.toml").write_text("")
    config = load(tmp_path / "cloud.toml", {})
    assert (config.database.dsn, config.broker.port, config.tenants) == ("", 1883, {})


def test_every_wrong_key_is_named_at_once_with_what_is_expected() -> None:
    table: dict[str, object] = {
        "databse": {},
        "broker": {"port": "1883", "hots": "x", "keepalive_s": 1},
        "database": {"dsn": "postgres//nowhere"},
        "worker": 3,
        "web": {"port": 70_000, "time_zone": "Mars/Base", "threads": 1},
        "tenants": {"Bad Name!": {"identifier_key": KEY}, "acme": {"identifier_key": "ab"}},
    }
    text = "\n".join(problems(table))
    for line in (
        "databse: no such setting; did you mean database?",
        "broker.hots: no such setting; did you mean broker.host?",
        "broker.port: '1883' is not a whole number from 1 to 65535",
        "broker.keepalive_s: 1 is not a whole number from 5 to 300",
        "database.dsn: the secret is not a PostgreSQL DSN",
        "worker: 3 is not a table of settings",
        "web.port: 70000 is not a whole number from 0 to 65535",
        "web.time_zone: 'Mars/Base' is not a time zone",
        "web.threads: 1 is not a whole number from 8 to 256",
        "tenants: the name 'Bad Name!' is not 1 to 40 of a-z",
        "tenants.acme.identifier_key: the secret is not a key",
    ):
        assert line in text
    assert len(problems(table)) == 11


def test_what_would_break_the_content_policy_is_refused() -> None:
    (problem,) = problems({"web": {"frame_ancestors": ["https://a.example; script-src *"]}})
    assert "is not a list in which each value is an origin" in problem


def test_paths_begin_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    (tmp_path / "cloud.toml").write_text('folder = "data"\n[broker]\ntls_ca = "ca.pem"\n')
    config = load(tmp_path / "cloud.toml", {})
    assert (config.folder, config.broker.tls_ca) == (tmp_path / "data", tmp_path / "ca.pem")


def test_a_certificate_file_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "cloud.toml").write_text('[broker]\ntls_ca = "ca.pem"\n')
    with pytest.raises(ConfigError, match=r"broker\.tls_ca: '.*ca\.pem' is no file that can be"):
        load(tmp_path / "cloud.toml", {})


def test_secrets_of_the_environment_win() -> None:
    environ = {"STOREBRIDGE_DATABASE_DSN": "host=db", "STOREBRIDGE_BROKER_PASSWORD": "s3cret"}
    config = from_table({"broker": {"password": "file", "port": 8883}}, environ)
    assert (config.database.dsn, config.broker.password, config.broker.port) == (
        "host=db",
        "s3cret",
        8883,
    )


def test_a_file_that_is_missing_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml", {})
    (tmp_path / "bad.toml").write_text("a = ")
    with pytest.raises(ConfigError, match=r"bad\.toml is not TOML: "):
        load(tmp_path / "bad.toml", {})


def test_a_lease_fits_a_takeover_within_5_s() -> None:
    assert problems({"worker": {"lease_s": 10}}) == (
        "worker.lease_s: 10 is not a number from 1 to 4",
    )
    (problem,) = problems({"worker": {"lease_s": 1, "renew_every_s": 0.9}})
    assert "worker.renew_every_s: 0.9 is more than half of worker.lease_s" in problem
    both = problems({"worker": {"lease_s": 1, "renew_every_s": 0.9}, "web": {"port": "x"}})
    assert [each.split(":")[0] for each in both] == ["web.port", "worker.renew_every_s"]


def test_every_setting_stands_in_the_table_and_nowhere_else(tmp_path: Path) -> None:
    """A field without its line in SETTINGS, or a line without its field, would fail to load."""
    (tmp_path / "secret").write_text("a secret of thirty-two characters")
    webhook = {"tenant": "acme", "channel": "shopify", "source": "web", "secret_file": "secret"}
    site = {"tenant": "acme", "source": "web", "origins": ["https://shop.example"]}
    connector = {"tenant": "acme", "kind": "csv", "address": str(tmp_path.absolute())}
    tables = {"webhooks": {"acme": webhook}, "sites": {"acme": site}}
    tables["connectors"] = {"acme": connector}
    tables["tenants"] = {"acme": {"identifier_key": KEY}}
    config = from_table(tables, {}, folder=tmp_path)
    assert config.identifier_keys == {"acme": bytes.fromhex(KEY)}
    for setting in SETTINGS:
        value: object = config
        for part in setting.name.split("."):
            value = getattr(value, part.removesuffix("{}"))
            if part.endswith("{}"):
                value = value["acme"]  # type: ignore[index]
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
sections = sorted({each.name.split(".")[0].removesuffix("{}") for each in SETTINGS})
# Names that are near to none that there are, nor would be read as a path of several.
strange_names = st.from_regex(r"zz[a-z0-9]{0,8}", fullmatch=True)


def read_or_told(
    table: dict[str, object], environ: dict[str, str]
) -> tuple[CloudConfig | None, tuple[str, ...]]:
    """The configuration, or what is wrong with it; no other exception passes."""
    try:
        return from_table(table, environ), ()
    except ConfigError as error:
        return None, error.problems


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(sections) | st.text(max_size=8), anything, max_size=4))
def test_whatever_stands_in_a_file_is_read_or_named(table: dict[str, object]) -> None:
    read, told = read_or_told(table, {})
    assert isinstance(read, CloudConfig) != bool(told)
    assert all(": " in problem for problem in told)


def refuses(setting: Setting, value: object) -> bool:
    try:
        setting.check(value)
    except Expected:
        return True
    return False


@st.composite
def wrong_tables(draw: st.DrawFn) -> tuple[dict[str, object], set[str]]:
    """A configuration in which some keys are wrong, and the names of exactly these."""
    named = st.sampled_from([each for each in SETTINGS if "{}" not in each.name])
    wrong: dict[str, object] = {}
    for setting in draw(st.lists(named, min_size=1, max_size=8, unique_by=lambda each: each.name)):
        refused = anything.filter(
            lambda value, setting=setting: value is not None and refuses(setting, value)
        )
        wrong[setting.name] = draw(refused)
    for section in draw(st.lists(st.sampled_from(["broker", "web", "worker", ""]), unique=True)):
        wrong[f"{section}.{draw(strange_names)}".removeprefix(".")] = draw(anything)
    for tenant in draw(st.lists(st.sampled_from(["acme", "maru", "lumen"]), unique=True)):
        key = draw(st.text(max_size=20) | st.integers() | st.just("00" * 15))
        wrong[f"tenants.{tenant}.identifier_key"] = key
    table: dict[str, object] = {}
    for name, value in wrong.items():
        at: dict[str, object] = table
        *path, last = name.split(".")
        for part in path:
            at = at.setdefault(part, {})  # type: ignore[assignment]
        at[last] = value
    return table, set(wrong)


@settings(max_examples=60, deadline=None)
@given(wrong_tables())
def test_every_wrong_key_is_named_at_once_and_no_other(drawn: tuple[dict[str, object], set[str]]):
    table, wrong = drawn
    told = [problem.split(": ")[0] for problem in problems(table)]
    assert sorted(told) == sorted(wrong)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_whatever_the_environment_holds_is_read_or_named_but_not_shown(value: str) -> None:
    environ = {"STOREBRIDGE_DATABASE_DSN": value, "STOREBRIDGE_BROKER_PASSWORD": value}
    read, told = read_or_told({}, environ)
    names = [problem.split(": the secret is not ")[0] for problem in told]
    assert names in ([], ["database.dsn"], ["database.dsn", "broker.password"])
    if read is not None:
        assert (read.database.dsn, read.broker.password) == (value, value)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_a_file_of_any_bytes_is_read_or_named(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cloud.toml"
        file.write_bytes(content)
        with contextlib.suppress(ConfigError):
            load(file, {})
