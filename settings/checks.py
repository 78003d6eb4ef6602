"""What the value of a setting may be: each check returns the value or says what was expected."""

import re
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Check = Callable[[object], object]

# A host, perhaps with `*.` for all below it, and a port: no path, and nothing that ends a policy.
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?")


class Expected(ValueError):
    """A value is not what a setting expects; the message completes "… is not"."""


def matching(allowed: re.Pattern[str], expected: str) -> Check:
    """Return the check of a text that is of one form; `expected` describes it in words."""

    def check(value: object) -> str:
        if isinstance(value, str) and allowed.fullmatch(value):
            return value
        raise Expected(expected)

    return check


def or_empty(check_one: Check) -> Check:
    """Return a check that also accepts an empty text, for none."""

    def check(value: object) -> object:
        return value if value == "" else check_one(value)

    return check


def text(value: object) -> str:
    """Accept a text of one line."""
    if isinstance(value, str) and value.isprintable() and len(value) <= 500:
        return value
    raise Expected("a text of one line, at most 500 characters")


def flag(value: object) -> bool:
    """Accept true or false."""
    if isinstance(value, bool):
        return value
    raise Expected("true or false")


def whole(least: int, most: int) -> Check:
    """Return the check of a whole number from `least` to `most`."""

    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise Expected(f"a whole number from {least} to {most}")

    return check


def number(least: float, most: float) -> Check:
    """Return the check of a number from `least` to `most`."""

    def check(value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and isinstance(value, int | float) and least <= value <= most:
            return float(value)
        raise Expected(f"a number from {least:g} to {most:g}")

    return check


def one_of(*choices: str) -> Check:
    """Return the check of a text that must be one of `choices`."""

    def check(value: object) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise Expected(f"one of {', '.join(choices)}")

    return check


def many(check_one: Check, least: int, most: int) -> Check:
    """Return the check of a list of `least` to `most` values, each checked by itself."""

    def check(value: object) -> list[object]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise Expected(f"a list of {least} to {most} values")
        try:
            return [check_one(each) for each in value]
        except Expected as error:
            raise Expected(f"a list in which each value is {error}") from error

    return check


def texts(value: object) -> dict[str, str]:
    """Accept texts keyed by language, such as { zh = "…", en = "…" }."""
    if isinstance(value, dict) and all(
        isinstance(key, str) and re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", key) for key in value
    ):
        return {key: text(each) for key, each in value.items()}
    raise Expected('texts keyed by language, such as { zh = "…", en = "…" }')


def options(value: object) -> dict[str, object]:
    """Accept a table of options, which whoever takes them checks."""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return dict(value)
    raise Expected("a table of options")


def timezone(value: object) -> str:
    """Accept a time zone of the IANA database."""
    try:
        return ZoneInfo(text(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Expected("a time zone such as Asia/Shanghai") from error


def key(value: object) -> bytes:
    """Accept a secret key as hexadecimal digits; it is never repeated in a message."""
    if isinstance(value, str) and re.fullmatch(r"([0-9a-fA-F]{2}){16,64}", value):
        return bytes.fromhex(value)
    raise Expected("a key of 16 to 64 bytes as hexadecimal digits (32 to 128 of 0-9 a-f)")


def public_key(value: object) -> str:
    """Accept an Ed25519 public key as hexadecimal digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        return value
    raise Expected("a public key of 64 hexadecimal digits (0-9 a-f)")


def origin(value: object) -> str:
    """Accept the origin of a web page, as it stands in a content policy."""
    if isinstance(value, str) and ORIGIN.fullmatch(value):
        return value
    raise Expected("an origin such as https://hq.example, without a path")


def pattern(value: object) -> str:
    """Accept a regular expression."""
    try:
        return re.compile(text(value)).pattern
    except re.error as error:
        raise Expected(f"a regular expression ({error})") from error


def file(value: object) -> Path:
    """Accept the path of a file or folder."""
    if isinstance(value, str) and value and "\x00" not in value:
        return Path(value)
    raise Expected("the path of a file or folder")


def file_or_empty(value: object) -> Path | None:
    """Accept the path of a file, or an empty text for none."""
    return None if value == "" else file(value)
