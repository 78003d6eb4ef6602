"""Tables of settings: lists, tables by name, secrets, and a hint for every wrong key."""

import msgspec
import pytest

from settings import checks
from settings.reading import ConfigError, read_settings
from settings.setting import Setting

SETTINGS = (
    Setting(name="name", check=checks.text, about="what it is called"),
    Setting(name="line.port", check=checks.whole(1, 9), default=5, about="a port"),
    Setting(name="line.password", check=checks.key, default="00" * 16, environ="PW", about="a key"),
    Setting(name="rooms[].size", check=checks.number(0, 9), about="how large it is"),
    Setting(name="friends{}", check=checks.one_of("ann", "bob"), about="who they are"),
    Setting(name="friends{}.key", check=checks.key, secret=True, about="a secret"),
    Setting(name="friends{}.age", check=checks.whole(0, 99), default=7, about="an age"),
)
KEY = "ab" * 16
NO_KEY = "is not a key of 16 to 64 bytes as hexadecimal digits (32 to 128 of 0-9 a-f)"


class Line(msgspec.Struct):
    port: int
    password: bytes


class Room(msgspec.Struct):
    size: float


class Friend(msgspec.Struct):
    key: bytes
    age: int


class All(msgspec.Struct):
    name: str
    line: Line
    rooms: tuple[Room, ...]
    friends: dict[str, Friend]


def read(table: dict[str, object], environ: dict[str, str] | None = None) -> All:
    return read_settings(SETTINGS, table, environ or {}, All, file="x.toml")


def problems(table: dict[str, object], environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read({"name": "x", **table}, environ)
    return caught.value.problems


def test_what_is_not_said_has_its_default():
    table = {"name": "x", "rooms": [{"size": 3}], "friends": {"ann": {"key": KEY}}}
    assert read(table, {"PW": KEY}) == All(
        name="x",
        line=Line(port=5, password=bytes.fromhex(KEY)),
        rooms=(Room(size=3.0),),
        friends={"ann": Friend(key=bytes.fromhex(KEY), age=7)},
    )


def test_entries_of_a_table_are_named_and_their_names_checked():
    friends = {"ann": {"kye": 1}, "carl": {"key": KEY}, "bob": {"key": "hunter2"}}
    assert problems({"friends": friends}) == (
        "friends.ann.kye: no such setting; did you mean friends{}.key?",
        "friends.ann.key: is missing; it is a secret",
        "friends: the name 'carl' is not one of ann, bob",
        f"friends.bob.key: the secret {NO_KEY}",
    )
    assert problems({"friends": {"ann": 3}}) == ("friends{}: {'ann': 3} is not a table of tables",)


def test_all_that_is_wrong_is_named_at_once_and_no_secret_repeated():
    table = {"lime": 1, "line": {"port": "5"}, "rooms": [{"size": 1}, {"siez": 2}]}
    assert problems(table, {"PW": "hunter2"}) == (
        "lime: no such setting; did you mean line?",
        "line.port: '5' is not a whole number from 1 to 9",
        f"line.password: the secret {NO_KEY}",
        "rooms[1].siez: no such setting; did you mean rooms[].size?",
        "rooms[1].size: is missing; it is how large it is",
    )


@pytest.mark.parametrize("right", ["https://hq.example", "http://127.0.0.1:8080", "https://*.a.b"])
def test_an_origin_is_accepted(right: str):
    assert checks.origin(right) == right


@pytest.mark.parametrize(
    "wrong",
    [
        "*",
        "'self'",
        "https://a.b/path",
        "https://a b",
        "https://a; script-src *",
        "javascript:x",
        5,
    ],
)
def test_what_is_no_origin_never_reaches_a_content_policy(wrong: object):
    with pytest.raises(checks.Expected):
        checks.origin(wrong)
