"""Tables of facts: rows that merge by sum, maximum or minimum.

Each merge is associative and commutative, so the same facts give the same rows in any order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.database.packed import Packed, packed

Row = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class FactTable:
    """One table of facts: its key columns with their types, and how each value column merges."""

    name: str
    keys: Mapping[str, str]
    sums: tuple[str, ...] = ()
    latest: tuple[str, ...] = ()
    earliest: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """Return the value columns in the order in which rows hold them."""
        return (*self.sums, *self.latest, *self.earliest)

    @cached_property
    def places(self) -> tuple[range, range, range]:
        """Return where in a row's values the sums stand, the latest and the earliest."""
        latest = len(self.sums)
        earliest = latest + len(self.latest)
        return range(latest), range(latest, earliest), range(earliest, len(self.values))

    @property
    def given(self) -> str:
        """Return arrays of rows as a table `given`, a parameter for each column, in order."""
        names = (*self.keys, *self.values)
        kinds = [*self.keys.values(), *("bigint" for _ in self.values)]
        arrays_of = ", ".join(f"%s::{kind}[]" for kind in kinds)
        return f"unnest({arrays_of}) AS given ({', '.join(names)})"

    def upsert(self, source: str = "") -> str:
        """Return the statement that merges the rows of `source`, arrays of rows if not told."""
        names = ", ".join((*self.keys, *self.values))
        merges = [f"{name} = held.{name} + excluded.{name}" for name in self.sums]
        merges += [f"{name} = greatest(held.{name}, excluded.{name})" for name in self.latest]
        merges += [f"{name} = least(held.{name}, excluded.{name})" for name in self.earliest]
        return (
            f"INSERT INTO {self.name} AS held ({names})"  # noqa: S608 (names of tables)
            f" SELECT {names} FROM {source or self.given}"
            f" ON CONFLICT ({', '.join(self.keys)}) DO UPDATE SET {', '.join(merges)}"
        )

    def merge(self, held: list[int], values: Sequence[int]) -> None:
        """Merge the values of a row into those held for the same key."""
        sums, latest, earliest = self.places
        for place in sums:
            held[place] += values[place]
        for place in latest:
            value = values[place]
            if value > held[place]:
                held[place] = value
        for place in earliest:
            value = values[place]
            if value < held[place]:
                held[place] = value


def columns(table: FactTable, rows: Mapping[Row, Sequence[int]]) -> list[str | Packed]:
    """Return rows, given by key, as the parameters of `FactTable.given`.

    They stand in sorted order, so that no two workers wait for each other in a circle.
    """
    ordered = sorted(rows)
    keys = zip(*ordered, strict=True)
    values = zip(*map(rows.__getitem__, ordered), strict=True)
    return [
        *(
            arrays.texts(map(str, column)) if kind == "text" else packed(kind, column)
            for kind, column in zip(table.keys.values(), keys, strict=True)
        ),
        *(packed("bigint", column) for column in values),
    ]


def write(connection: Connection, table: FactTable, rows: Mapping[Row, Sequence[int]]) -> None:
    """Merge rows, given by key, into their table in one statement."""
    if rows:
        connection.execute(_upsert(table), columns(table, rows))


@cache
def _upsert(table: FactTable) -> bytes:
    return table.upsert().encode()
