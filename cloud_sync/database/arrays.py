"""Columns as PostgreSQL array literals, for statements that take thousands of rows at once.

psycopg's own list adaptation costs four times as much client time per row.
"""

from collections.abc import Iterable


def numbers(values: Iterable[int]) -> str:
    """Return integers as an array literal."""
    return "{" + ",".join(map(str, values)) + "}"


def plain(values: Iterable[str]) -> str:
    """Return texts of our own making as an array literal: hexadecimal ids, names from tables."""
    return "{" + ",".join(values) + "}"


def texts(values: Iterable[str]) -> str:
    """Return any texts as an array literal; they must not hold the NUL character."""
    listed = list(values)
    if not listed:
        return "{}"
    joined = '","'.join(listed)
    # Nearly always nothing is to be escaped, and looking at all of them at once is far cheaper.
    if "\\" in joined or joined.count('"') != 2 * (len(listed) - 1):
        joined = '","'.join(map(_escaped, listed))
    return '{"' + joined + '"}'


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
