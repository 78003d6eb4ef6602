import psycopg
import pytest

from cloud_sync.intake.api_keys import check_key, create_key, revoke_key
from wire.topics import TopicError


@pytest.fixture
def connection(cloud_dsn):
    with psycopg.connect(cloud_dsn, autocommit=True) as connection:
        yield connection


def test_a_key_speaks_for_its_tenant_and_channel_until_it_is_revoked(connection):
    text = create_key(connection, "acme", "web")
    key = check_key(connection, text)
    assert key is not None
    assert (key.tenant, key.source) == ("acme", "web")
    assert revoke_key(connection, "acme", key.key_id)
    assert check_key(connection, text) is None
    assert not revoke_key(connection, "acme", key.key_id)


def test_the_secret_stands_nowhere(connection):
    secret = create_key(connection, "acme", "web").rsplit(".", 1)[1]
    assert secret not in str(connection.execute("SELECT * FROM api_key").fetchall())


def test_what_is_no_key_is_refused(connection):
    good = create_key(connection, "acme", "web")
    prefix, tenant, key_id, secret = good.split(".", 3)
    for text in (
        "",
        "...",
        "sbk.acme",
        f"xxx.{tenant}.{key_id}.{secret}",
        f"{prefix}.other.{key_id}.{secret}",
        f"{prefix}.{tenant}.{key_id}.{secret}x",
        f"{prefix}.{tenant}.\0.{secret}",
    ):
        assert check_key(connection, text) is None


def test_a_channel_needs_a_name_that_can_stand_in_a_topic(connection):
    with pytest.raises(TopicError):
        create_key(connection, "acme", "web shop")
