from pathlib import Path

import pytest

from cloud_sync.config import CloudConfig, ConfigError, from_table, load


def test_an_empty_file_is_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "cloud.toml").write_text("")
    assert load(tmp_path / "cloud.toml", {}) == CloudConfig()


def test_every_wrong_key_is_named_at_once_with_what_is_expected() -> None:
    table = {
        "databse": {},
        "broker": {"port": "1883", "hots": "x", "keepalive_s": 1},
        "worker": 3,
        "web": {"port": 70_000},
    }
    with pytest.raises(ConfigError) as raised:
        from_table(table, {})
    assert len(raised.value.problems) == 6
    text = str(raised.value)
    assert "databse is no setting; known here: folder, database" in text
    assert "broker.port: Expected `int`, got `str`" in text
    assert "broker.keepalive_s is 1, expected from 5 to 300" in text
    assert "worker must be a table of settings" in text
    assert "web.port is 70000, expected from 0 to 65535" in text


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
    with pytest.raises(ConfigError, match=r"bad\.toml.*\n.*is not TOML"):
        load(tmp_path / "bad.toml", {})


def test_a_lease_fits_a_takeover_within_5_s() -> None:
    with pytest.raises(ConfigError, match="expected from 1 to 4"):
        from_table({"worker": {"lease_s": 10}}, {})
