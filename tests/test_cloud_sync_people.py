import psycopg
import pytest

from cloud_sync.console import people
from tests.shopper_builders import sell_sample

PASSWORD = "correct horse battery"


@pytest.fixture
def connection(cloud_dsn):
    with psycopg.connect(cloud_dsn, autocommit=True) as connection:
        people.add_person(connection, "acme", "li", PASSWORD)
        yield connection


def test_the_right_password_signs_in_and_the_token_names_the_person(connection):
    token = people.sign_in(connection, "acme", "li", PASSWORD)
    assert token is not None
    signed_in = people.signed_in(connection, token)
    assert signed_in is not None
    assert (signed_in.tenant, signed_in.name) == ("acme", "li")
    people.sign_out(connection, token)
    assert people.signed_in(connection, token) is None


def test_neither_password_nor_token_stands_in_the_database(connection):
    token = people.sign_in(connection, "acme", "li", PASSWORD)
    tables = ("console_user", "console_sign_in")
    text = str([connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables])
    assert PASSWORD not in text
    assert token not in text
    assert "argon2id" in text


@pytest.mark.parametrize(
    ("tenant", "name", "password"),
    [("acme", "li", "wrong"), ("acme", "lo", PASSWORD), ("other", "li", PASSWORD)],
)
def test_a_wrong_login_is_refused(connection, tenant, name, password):
    assert people.sign_in(connection, tenant, name, password) is None


def test_after_five_wrong_passwords_the_right_one_is_refused_for_a_while(connection):
    for _ in range(people.ATTEMPTS_MAX):
        assert people.sign_in(connection, "acme", "li", "wrong") is None
    assert people.sign_in(connection, "acme", "li", PASSWORD) is None
    connection.execute("UPDATE console_attempt SET last_at = now() - interval '6 minutes'")
    assert people.sign_in(connection, "acme", "li", PASSWORD) is not None


def test_a_sign_in_ends_when_idle_and_at_the_latest_after_its_longest_time(connection):
    for column in ("seen_until", "ends_at"):
        token = people.sign_in(connection, "acme", "li", PASSWORD)
        connection.execute(f"UPDATE console_sign_in SET {column} = now() - interval '1 second'")
        assert people.signed_in(connection, token) is None


def test_a_new_password_ends_the_sign_ins_under_the_old_one(connection):
    token = people.sign_in(connection, "acme", "li", PASSWORD)
    people.add_person(connection, "acme", "li", "another good password")
    assert people.signed_in(connection, token) is None
    assert people.sign_in(connection, "acme", "li", PASSWORD) is None


@pytest.mark.parametrize(("name", "password"), [("", PASSWORD), ("li", "short"), ("a\n", PASSWORD)])
def test_a_person_with_a_bad_name_or_password_is_not_added(connection, name, password):
    with pytest.raises(people.PeopleError, match="characters"):
        people.add_person(connection, "acme", name, password)


def test_a_new_password_leaves_everybody_where_they_belong(connection):
    """Otherwise a brand's person whose password is changed would see all brands."""
    sell_sample(connection)
    people.add_person(connection, "acme", "wu", PASSWORD, brand="yunwu")

    def place():
        token = people.sign_in(connection, "acme", "wu", PASSWORD)
        person = people.signed_in(connection, token)
        return person.brand, person.operator, person.sight.role

    people.add_person(connection, "acme", "wu", PASSWORD)
    assert place() == ("yunwu", "", "storebridge_brand")
    people.add_person(connection, "acme", "wu", PASSWORD, operator="lotus")
    assert place() == ("", "lotus", "storebridge_operator")
    people.add_person(connection, "acme", "wu", PASSWORD, brand="")
    assert place() == ("", "", "storebridge_tenant")


def test_nobody_is_added_to_a_brand_that_sells_nothing_or_to_two_places(connection):
    sell_sample(connection)
    with pytest.raises(people.PeopleError, match="known: qingxing, yunwu"):
        people.add_person(connection, "acme", "wu", PASSWORD, brand="yunwo")
    with pytest.raises(people.PeopleError, match="not to both"):
        people.add_person(connection, "acme", "wu", PASSWORD, brand="yunwu", operator="lotus")
    with pytest.raises(people.PeopleError, match="printable"):
        people.add_person(connection, "acme", "wu", PASSWORD, operator="a\n")
