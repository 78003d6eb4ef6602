"""Who may sign in at headquarters: passwords hashed with Argon2id, sign-ins that end."""

import hashlib
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from psycopg import Connection

from cloud_sync.catalogue import brands_of
from cloud_sync.database import Sight

PASSWORD_CHARS_MIN = 12
PASSWORD_CHARS_MAX = 256
NAME_CHARS_MAX = 80
IDLE_MINUTES_MAX = 60
SIGN_IN_HOURS_MAX = 12
ATTEMPTS_MAX = 5
LOCKED_MINUTES = 5

_hasher = PasswordHasher()  # the library's defaults follow RFC 9106, section 4
# Verified when nobody has the name given, so that the answer takes as long as for a wrong password.
_NOBODYS = _hasher.hash(secrets.token_urlsafe())


class PeopleError(ValueError):
    """A person cannot be added as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Somebody who is signed in; `csrf` stands in each of their forms.

    Whoever belongs to a brand or a store operator sees what concerns these alone. `reviews` tells
    that they decide who is one person, for which they see what records say.
    """

    tenant: str
    name: str
    csrf: str
    brand: str = ""
    operator: str = ""
    reviews: bool = False

    @property
    def sight(self) -> Sight:
        """Return what this person may see."""
        return Sight(tenant=self.tenant, brand=self.brand, operator=self.operator)


def add_person(
    connection: Connection,
    tenant: str,
    name: str,
    password: str,
    *,
    brand: str | None = None,
    operator: str | None = None,
    reviews: bool | None = None,
) -> None:
    """Let a person sign in, or give them a new password, which ends their sign-ins.

    Whom they belong to is set where a brand or operator is given: with an empty one, to the tenant
    itself. Where neither is, it stays as it was; so does whether they review proposed joins.

    Raises PeopleError when something is not of the form that is asked for, the catalogue does not
    know the brand, or the person would belong to a brand and an operator.
    """
    if not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise PeopleError(f"a name has 1 to {NAME_CHARS_MAX} printable characters")
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise PeopleError(
            f"a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters;"
            " four or five words make a good one"
        )
    _check_place(connection, tenant, brand or "", operator or "")
    connection.execute(
        "INSERT INTO console_user (tenant, name, password) VALUES (%s, %s, %s)"
        " ON CONFLICT (tenant, name) DO UPDATE SET password = excluded.password",
        (tenant, name, _hasher.hash(password)),
    )
    if brand is not None or operator is not None:
        connection.execute(
            "UPDATE console_user SET brand = %s, operator = %s WHERE tenant = %s AND name = %s",
            (brand or "", operator or "", tenant, name),
        )
    if reviews is not None:
        connection.execute(
            "UPDATE console_user SET reviews = %s WHERE tenant = %s AND name = %s",
            (reviews, tenant, name),
        )
    connection.execute(
        "DELETE FROM console_sign_in WHERE tenant = %s AND name = %s", (tenant, name)
    )
    connection.execute(
        "DELETE FROM console_attempt WHERE tenant = %s AND name = %s", (tenant, name)
    )


def sign_in(connection: Connection, tenant: str, name: str, password: str) -> str | None:
    """Sign a person in and return the token for their cookie; None: refused.

    After ATTEMPTS_MAX wrong passwords in a row the name is locked for LOCKED_MINUTES, with no
    other answer than for a wrong password.
    """
    row = connection.execute(
        "SELECT password FROM console_user WHERE tenant = %s AND name = %s", (tenant, name)
    ).fetchone()
    locked = connection.execute(
        "SELECT 1 FROM console_attempt WHERE tenant = %s AND name = %s AND failed >= %s"
        " AND last_at > now() - make_interval(mins => %s)",
        (tenant, name, ATTEMPTS_MAX, LOCKED_MINUTES),
    ).fetchone()
    right = _verify(row[0] if row else _NOBODYS, password[:PASSWORD_CHARS_MAX])
    if row is None or locked or not right:
        _note_failure(connection, tenant, name)
        return None
    connection.execute(
        "DELETE FROM console_attempt WHERE tenant = %s AND name = %s", (tenant, name)
    )
    token = secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO console_sign_in (token, tenant, name, csrf, seen_until, ends_at)"
        " VALUES (%s, %s, %s, %s, now() + make_interval(mins => %s),"
        " now() + make_interval(hours => %s))",
        (
            _digest(token),
            tenant,
            name,
            secrets.token_urlsafe(24),
            IDLE_MINUTES_MAX,
            SIGN_IN_HOURS_MAX,
        ),
    )
    return token


def signed_in(connection: Connection, token: str) -> SignIn | None:
    """Return who holds this token and put its idle time off; None when it is not valid."""
    row = connection.execute(
        "UPDATE console_sign_in AS held SET seen_until = now() + make_interval(mins => %s)"
        " FROM console_user AS person WHERE token = %s AND seen_until > now() AND ends_at > now()"
        " AND person.tenant = held.tenant AND person.name = held.name"
        " RETURNING held.tenant, held.name, csrf, brand, operator, reviews",
        (IDLE_MINUTES_MAX, _digest(token)),
    ).fetchone()
    if row is None:
        return None
    tenant, name, csrf, brand, operator, reviews = row
    return SignIn(
        tenant=tenant, name=name, csrf=csrf, brand=brand, operator=operator, reviews=reviews
    )


def sign_out(connection: Connection, token: str) -> None:
    """End a sign-in."""
    connection.execute("DELETE FROM console_sign_in WHERE token = %s", (_digest(token),))


def forget_ended(connection: Connection, rows_max: int) -> int:
    """Forget sign-ins that have ended and failures that lock nobody any more; returns how many."""
    sign_ins = connection.execute(
        "DELETE FROM console_sign_in WHERE token IN (SELECT token FROM console_sign_in"
        " WHERE ends_at < now() OR seen_until < now() LIMIT %s)",
        (rows_max,),
    )
    attempts = connection.execute(
        "DELETE FROM console_attempt WHERE (tenant, name) IN (SELECT tenant, name"
        " FROM console_attempt WHERE last_at < now() - make_interval(mins => %s) LIMIT %s)",
        (LOCKED_MINUTES, rows_max),
    )
    return sign_ins.rowcount + attempts.rowcount


def _check_place(connection: Connection, tenant: str, brand: str, operator: str) -> None:
    if brand and operator:
        raise PeopleError("a person belongs to a brand or to a store operator, not to both")
    if len(operator) > NAME_CHARS_MAX or not operator.isprintable():
        raise PeopleError(f"an operator's name has at most {NAME_CHARS_MAX} printable characters")
    if brand:
        known = brands_of(connection, tenant)
        if brand not in known:
            listed = ", ".join(known) or "none"
            raise PeopleError(f"no goods of brand {brand!r} are in the catalogue; known: {listed}")


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _note_failure(connection: Connection, tenant: str, name: str) -> None:
    connection.execute(
        "INSERT INTO console_attempt AS attempt (tenant, name, failed, last_at)"
        " VALUES (%s, %s, 1, now()) ON CONFLICT (tenant, name) DO UPDATE SET last_at = now(),"
        " failed = CASE WHEN attempt.last_at < now() - make_interval(mins => %s)"
        "  THEN 1 ELSE attempt.failed + 1 END",
        (tenant, name[:NAME_CHARS_MAX], LOCKED_MINUTES),
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
