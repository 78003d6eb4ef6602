"""The public keys that a tenant's codes are signed for, which every store is told."""

from collections.abc import Sequence

from psycopg import Connection

from settings.checks import public_key
from wire.signed import CODE_KEYS_MAX, CODE_KEYS_SETTING
from wire.views import SettingView


def set_code_keys(connection: Connection, tenant: str, keys: Sequence[str]) -> None:
    """Store the keys in place of those before; raises ValueError for what is no key."""
    if len(keys) > CODE_KEYS_MAX:
        raise ValueError(f"at most {CODE_KEYS_MAX} keys hold at once, and {len(keys)} were given")
    connection.execute(
        "INSERT INTO tenant_setting (tenant, code_public_keys) VALUES (%s, %s)"
        " ON CONFLICT (tenant) DO UPDATE SET code_public_keys = excluded.code_public_keys",
        (tenant, [public_key(each) for each in keys]),
    )


def code_keys(connection: Connection, tenant: str) -> tuple[str, ...]:
    """Return the keys, in the order in which they were given."""
    row = connection.execute(
        "SELECT code_public_keys FROM tenant_setting WHERE tenant = %s", (tenant,)
    ).fetchone()
    return () if row is None else tuple(row[0])


def code_keys_view(connection: Connection, tenant: str) -> SettingView | None:
    """Return what stores are told of the keys; None where there are none."""
    keys = code_keys(connection, tenant)
    return SettingView(name=CODE_KEYS_SETTING, value=" ".join(keys)) if keys else None
