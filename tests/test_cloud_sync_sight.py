"""Who sees what, found by trying: every table in every role, every page as every person."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg import sql

from cloud_sync.catalogue import brands_of
from cloud_sync.cloud import Cloud
from cloud_sync.database import Database, Sight
from cloud_sync.database.migrations import migrate
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.database.sight import ROLES, take
from cloud_sync.fleet import twins
from cloud_sync.web.app import create_app
from tests.brand_town import GUEST, MINE, NORTH, OTHERS, OURS, PASSWORD, RIVAL, SOUTH, Town, settle
from tests.conftest import fresh_database
from tests.shopper_builders import KEY, NOW, sell_sample

TENANT = Sight(tenant=OURS)
BRAND = Sight(tenant=OURS, brand=MINE)
OPERATOR = Sight(tenant=OURS, operator=NORTH)


@pytest.fixture(scope="module")
def town(postgres_server: str, cloud_template: str) -> Iterator[Town]:
    """The town, which no test changes for the next one."""
    with fresh_database(postgres_server, cloud_template) as dsn:
        town = settle(dsn)
        yield town
        town.database.close()


@pytest.fixture
def connection(town: Town) -> Iterator[psycopg.Connection]:
    """A connection of the tables' owner, whose changes are undone."""
    with psycopg.connect(town.database.dsn) as connection:
        yield connection
        connection.rollback()


def secrets_from(sight: Sight, town: Town) -> list[str]:
    """What must stand in nothing that this one sees."""
    if sight.brand:
        return [OTHERS, RIVAL, RIVAL.upper(), "s-south", "theirs", *town.strangers[OURS]]
    return [OTHERS, SOUTH] if sight.operator else [OTHERS]


def tables_of(connection: psycopg.Connection) -> list[str]:
    """All tables, partitions and views."""
    rows = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        " ORDER BY table_name"
    )
    return [name for (name,) in rows]


def text_of(connection: psycopg.Connection, table: str, columns: list[str]) -> list[str]:
    """Each row of a table as one text, bytes as what they spell."""
    rows = connection.execute(
        sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table)
        )
    )
    return [" | ".join(map(str, row)) for row in rows]


def readable(connection: psycopg.Connection, role: str, table: str) -> list[str]:
    """The columns of a table that a role may read."""
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped AND has_column_privilege(%s, attrelid, attnum, 'SELECT')",
        (sql.Identifier(table).as_string(connection), role),
    )
    return [column for (column,) in rows]


def seen_of(connection: psycopg.Connection, sight: Sight) -> dict[str, list[str]]:
    """All that this one sees of each table that its role may read at all."""
    columns = columns_of(connection, sight.role)
    with connection.transaction(force_rollback=True):
        take(connection, sight)
        return {table: text_of(connection, table, some) for table, some in columns.items()}


def columns_of(connection: psycopg.Connection, role: str) -> dict[str, list[str]]:
    """The columns that a role may read, of each table of which it may read any."""
    found = {table: readable(connection, role, table) for table in tables_of(connection)}
    return {table: columns for table, columns in found.items() if columns}


def leaks(connection: psycopg.Connection, sight: Sight, town: Town) -> list[str]:
    """The tables that show this one what it must not see, or that cannot be judged by trying."""
    secrets = secrets_from(sight, town)
    found = []
    for table, rows in seen_of(connection, sight).items():
        everything = text_of(connection, table, readable(connection, sight.role, table))
        if not any(secret in row for row in everything for secret in secrets):
            found.append(f"{table} holds nothing that is to be hidden: let the town fill it")
        found += [f"{table}: {row}" for row in rows if any(each in row for each in secrets)]
    return found


@pytest.mark.parametrize("sight", [TENANT, BRAND, OPERATOR], ids=lambda sight: sight.role)
def test_no_table_shows_anybody_what_is_not_theirs(town, connection, sight):
    if sight == BRAND:  # a view for brands alone, which is empty for the owner
        connection.execute("SELECT set_config('storebridge.tenant', %s, true)", (OTHERS,))
        connection.execute("SELECT set_config('storebridge.brand', %s, true)", (RIVAL,))
    assert leaks(connection, sight, town) == []


@pytest.mark.parametrize("sight", [TENANT, BRAND, OPERATOR], ids=lambda sight: sight.role)
def test_everybody_sees_what_is_theirs_in_each_table_that_they_may_read(connection, sight):
    empty = [table for table, rows in seen_of(connection, sight).items() if not rows]
    assert empty == []


def test_a_brand_reads_no_table_in_which_brands_cannot_be_told_apart(connection):
    assert set(seen_of(connection, BRAND)) == {
        *("product", "brand_shelf", "brand_hour", "brand_store", "shelf_hour"),
        *("funnel_path", "funnel_count"),
        "content",
        *(
            "store_product",
            "product_pair",
            "atom_product",
            "atom_brand",
            "atom_zone",
            "coupon",
            "coupon_act",
            "product_price",
            "price_shown",
            "coupon_withdrawn",
        ),
    }


@pytest.mark.parametrize("sight", [TENANT, BRAND, OPERATOR], ids=lambda sight: sight.role)
def test_a_session_that_does_not_say_who_it_is_sees_nothing(town, sight):
    with psycopg.connect(town.database.dsn, autocommit=True) as connection:

        def rows(**said: str) -> int:
            """Count all rows that are seen in the role when only this is said."""
            columns = columns_of(connection, sight.role)
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(sight.role)))
                for name, value in said.items():
                    connection.execute(
                        "SELECT set_config(%s, %s, true)", (f"storebridge.{name}", value)
                    )
                return sum(len(text_of(connection, *each)) for each in columns.items())

        everything = {"tenant": OURS, "brand": sight.brand, "operator": sight.operator}
        # Settings that were never made are missing. Those of an earlier transaction are empty, and
        # must not match the rows of no brand and of no operator.
        for _ in range(2):
            assert rows() == 0
            assert rows(tenant="", brand="", operator="") == 0
            assert rows(brand=sight.brand, operator=sight.operator) == 0
            if sight != TENANT:
                assert rows(tenant=OURS) == 0
            assert rows(**everything) > 0


@pytest.mark.parametrize("sight", [TENANT, BRAND, OPERATOR], ids=lambda sight: sight.role)
def test_who_looks_can_change_nothing(town, sight):
    for statement in (
        "UPDATE store_hour SET amount = 0",
        "DELETE FROM store_hour",
        "CREATE TABLE mine (x int)",
        "SELECT set_config('transaction_read_only', 'off', true)",
    ):
        refused = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.ActiveSqlTransaction)
        with pytest.raises(refused), town.database.seen_by(sight) as connection:
            connection.execute(statement)
    with psycopg.connect(town.database.dsn) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(sight.role)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE store_hour SET amount = 0")


def test_a_connection_given_back_sees_as_its_owner_again(town):
    with town.database.seen_by(BRAND) as connection:
        assert connection.execute("SELECT count(DISTINCT brand) FROM product").fetchone() == (1,)
    with town.database.shopper(OURS) as connection:
        assert connection.execute("SELECT count(DISTINCT brand) FROM product").fetchone() == (2,)
        assert connection.execute("SHOW transaction_read_only").fetchone() == ("off",)


def test_a_table_that_comes_later_is_seen_by_nobody_until_a_policy_says_so(town, connection):
    connection.execute(
        "CREATE TABLE later (tenant text, brand text);"
        f"INSERT INTO later VALUES ('{OURS}', '{RIVAL}'), ('{OTHERS}', '{RIVAL}')"
    )
    for sight in (TENANT, BRAND, OPERATOR):
        assert "later" not in seen_of(connection, sight)
    # What the test above says of one that is opened without a policy, or whose policy is gone:
    connection.execute(f"GRANT SELECT ON later TO {BRAND.role}")
    assert any(each.startswith("later: ") for each in leaks(connection, BRAND, town))
    connection.execute("DELETE FROM later")
    assert any("let the town fill it" in each for each in leaks(connection, BRAND, town))
    for table in ("product", "coupon", "atom_product"):
        connection.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        assert any(each.startswith(f"{table}: ") for each in leaks(connection, BRAND, town))


@contextmanager
def database_of(server: str, owner: str) -> Iterator[str]:
    """A database of a user who is no superuser and may make no roles."""
    with fresh_database(server) as dsn, psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {owner} LOGIN")
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        admin.execute(f"ALTER DATABASE {name} OWNER TO {owner}")
        yield psycopg.conninfo.make_conninfo(dsn, user=owner)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.execute(f"DROP ROLE {owner}")
        admin.execute(f"CREATE DATABASE {name}")


def test_an_ordinary_user_of_the_database_needs_no_more_than_the_roles(
    postgres_server: str, cloud_template: str
):
    with (
        database_of(postgres_server, "plain_owner") as dsn,
        psycopg.connect(postgres_server, autocommit=True) as admin,
    ):
        with pytest.raises(
            psycopg.errors.InsufficientPrivilege, match="an administrator of the server"
        ):
            migrate(dsn, MIGRATIONS)
        admin.execute(f"GRANT {', '.join(ROLES)} TO plain_owner")
        migrate(dsn, MIGRATIONS)
        database = Database(dsn)
        with database.shopper(OURS) as connection:
            sell_sample(connection, OURS)
            assert len(brands_of(connection, OURS)) == 2
        with database.seen_by(Sight(tenant=OURS, brand="yunwu")) as connection:
            assert brands_of(connection, OURS) == ["yunwu"]
        database.close()


def test_a_sight_is_never_two_at_once():
    with pytest.raises(ValueError, match="not both"):
        Sight(tenant=OURS, brand=MINE, operator=NORTH)


# The pages and their JSON.


@pytest.fixture
def client(town: Town) -> FlaskClient:
    keys = {OURS: KEY, OTHERS: KEY}
    cloud = Cloud(database=town.database, identifier_keys=keys, secure=False, now=lambda: NOW)
    return create_app(cloud).test_client()


def sign_in(client: FlaskClient, name: str, tenant: str = OURS) -> None:
    form = {"tenant": tenant, "name": name, "password": PASSWORD}
    assert client.post("/hq/sign-in", data=form).status_code == 303


def addresses(client: FlaskClient) -> list[str]:
    """Every address that can be asked for, with each brand in it, also those of others."""
    found = []
    for rule in client.application.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and "name" not in rule.arguments:
            found += [
                re.sub(r"<[^>]+>", brand, rule.rule)
                for brand in (MINE, RIVAL, OTHERS, "%27%20OR%20true--", "")
            ]
    return sorted(set(found))


@pytest.mark.parametrize(
    ("name", "sight"), [("all", TENANT), (f"of {MINE}", BRAND), (f"of {NORTH}", OPERATOR)]
)
def test_no_page_shows_anybody_what_is_not_theirs(town, client, name, sight):
    sign_in(client, name)
    asked = addresses(client)
    assert "/hq/" in asked
    assert f"/hq/api/brands/{RIVAL}" in asked
    for address in asked:
        answer = client.get(f"{address}?brand={RIVAL}&tenant={OTHERS}")
        # The address itself may come back, never what stands behind it.
        text = answer.text.replace(f"brands/{RIVAL}", "").replace(f"brands/{OTHERS}", "")
        text = text.replace(f"tenant={OTHERS}", "").replace(f"brand={RIVAL}", "")
        text = text.replace("arrival", "")  # a kind of event, in the description of the API
        shown = [each for each in secrets_from(sight, town) if each in text]
        assert shown == [], f"{name} sees {shown} at {address}"


def test_a_brands_person_is_led_to_its_brand_and_to_no_other(client):
    sign_in(client, f"of {MINE}")
    assert client.get("/hq/").location == f"/hq/brands/{MINE}"
    assert "MINE-1" in client.get(f"/hq/brands/{MINE}").text
    for path in (f"/hq/brands/{RIVAL}", f"/hq/api/brands/{RIVAL}", "/hq/brands/none"):
        assert client.get(path).status_code == 404


def test_the_rival_sees_its_own_half_of_the_same_town(client):
    sign_in(client, f"of {RIVAL}")
    page = client.get(f"/hq/brands/{RIVAL}").text
    assert "RIVAL-2" in page
    assert "s-south" in page
    assert "MINE" not in page


def test_a_tenants_person_sees_each_brand_as_that_brand_does(client):
    sign_in(client, "all")
    seen = {brand: client.get(f"/hq/api/brands/{brand}").json for brand in (MINE, RIVAL)}
    assert f'href="/hq/brands/{RIVAL}"' in client.get("/hq/").text
    for brand, figures in seen.items():
        client.delete_cookie("hq", path="/hq")
        sign_in(client, f"of {brand}")
        assert client.get(f"/hq/api/brands/{brand}").json == figures


def test_an_operators_person_sees_the_stores_that_it_runs_and_no_brand(client):
    sign_in(client, f"of {NORTH}")
    page = client.get("/hq/?language=en").text
    assert 'data-store="s-north"' in page
    assert "s-south" not in page
    assert client.get(f"/hq/brands/{MINE}").status_code == 404


def test_an_operator_of_a_zone_sees_what_happened_there_and_not_how_the_store_is(client):
    sign_in(client, f"of {NORTH}")
    page = client.get("/hq/?language=en").text
    row = page.split(f'data-store="{GUEST}"')[1].split("</tr>")[0]
    assert "somebody else runs" in row
    assert "1 min" in row
    assert "online" not in row


@pytest.mark.parametrize("path", [f"/hq/brands/{MINE}", f"/hq/api/brands/{MINE}", "/hq/"])
def test_nobody_sees_anything_without_signing_in(client, path):
    answer = client.get(path)
    assert answer.status_code in (302, 401)
    assert "MINE-1" not in answer.text


def test_a_brands_figures_are_those_of_its_goods_alone(client):
    sign_in(client, f"of {MINE}")
    said = client.get(f"/hq/api/brands/{MINE}").json
    # 5 pieces at 10 yuan: two of the fan's order, two of the order with the rival's goods.
    assert said["figures"]["pieces"] == 4
    assert said["figures"]["paid_cents.CNY"] == 4_000
    assert said["figures"]["orders"] == 2
    assert said["figures"]["stays"] == 1
    assert said["figures"]["dwell_ms"] == 20_000
    assert (said["figures"]["offers_shown"], said["figures"]["redemptions"]) == (1, 1)
    assert "people_in" not in said["figures"]
    (store,) = said["stores"]
    assert (store["store"], store["complete"]) == ("s-north", 0.8)
    assert said["online"] == {"views": 1}


def test_the_same_phone_at_two_tenants_is_two_shoppers(town, client):
    """The same key, too, so that even the keyed values are equal."""
    answers = {}
    for tenant, token in town.tokens.items():
        asked = {"identifiers": [{"kind": "member", "value": "rival fan"}]}
        answer = client.post(
            "/v1/shopper", json=asked, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 200, answer.text
        answers[tenant] = answer.json
    ours, others = (answers[tenant]["coupons"] for tenant in (OURS, OTHERS))
    assert ours
    assert {each["coupon"] for each in ours}.isdisjoint(each["coupon"] for each in others)


def test_operators_and_tenants_count_how_complete_their_stores_are(town):
    counts = {}
    for sight in (TENANT, OPERATOR):
        with town.database.seen_by(sight) as connection:
            found = twins.stores(connection, OURS, NOW)
        counts[sight.role] = {each.store: (each.received, each.quarantined) for each in found}
    assert counts[TENANT.role] == {"s-north": (80, 1), "s-south": (80, 1)}
    assert counts[OPERATOR.role] == {"s-north": (80, 1)}
