"""The ways of a tenant's shoppers through the stages, counted anew now and then, and kept.

What `funnel.py` counts from facts for two days stands here for all days, as of `counted_at`: the
same figures, without looking at the facts of everybody again. A brand may read those of its goods,
and not what they are made of. No shopper stands in them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from psycopg import Connection

from cloud_sync.reports import paths
from cloud_sync.reports.funnel import (
    BRAND_FACTS,
    BRAND_NAMES,
    PLACE_FACTS,
    PLACE_NAMES,
    STORES,
    WORK_MEM,
    By,
    Count,
    Flow,
)
from cloud_sync.reports.paths import Facts, Numbers, Ways
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.profiles.stage_rules import STAGES, StageRule, rules_of

# A count rests so many times as long as it took: it costs a twentieth of one core at most.
REST = 19
# Facts of about so many shoppers are looked at together, and so many ways are one row.
SHOPPERS_AT_ONCE = 50_000
WAYS_PER_ROW = 500_000
# A count that takes less is made for each page anew, and so is of this moment.
QUICK_MS = 200
# A brand is shown how its shoppers moved within so many days.
FLOW_DAYS = 30
_ARRAY_HEADER_BYTES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """When the ways of a tenant were last counted, in µs UTC, and how many ms it took."""

    counted_at: int
    took_ms: int


def count_due(connection: Connection, rows_max: int = 0) -> int:
    """Count the ways of each tenant whose last count has rested; nothing is left over, so 0."""
    del rows_max
    due = connection.execute(
        "SELECT tenant, (extract(epoch FROM now()) * 1000000)::bigint FROM"
        " (SELECT DISTINCT tenant FROM product) AS selling LEFT JOIN funnel_count USING (tenant)"
        " WHERE coalesce(rests_until < now(), true) ORDER BY tenant"
    ).fetchall()
    for tenant, now in due:
        count(connection, tenant, now, rules_of(connection, tenant))
    return 0


def count(connection: Connection, tenant: str, now: int, rules: Sequence[StageRule]) -> None:
    """Count the ways of a tenant's shoppers anew as of `now`, in µs UTC."""
    began = connection.execute("SELECT clock_timestamp()").fetchone()
    connection.execute("DELETE FROM funnel_path WHERE tenant = %s", (tenant,))
    connection.execute("SELECT set_config('work_mem', %s, true)", (WORK_MEM,))
    for facts, names in ((PLACE_FACTS, PLACE_NAMES), (BRAND_FACTS, BRAND_NAMES)):
        keys = _Keys(connection, tenant, names, is_brand=facts is BRAND_FACTS)
        gathered: dict[By, dict[int, list[Ways]]] = defaultdict(lambda: defaultdict(list))
        for part in _parts(connection, tenant, facts, rules):
            for by, ways in _ways(part, keys, rules):
                gathered[by][ways.changes.shape[1]].append(ways)
        for by, lengths in gathered.items():
            _write(connection, tenant, by, keys.names_of(by), lengths)
    connection.execute(
        "INSERT INTO funnel_count (tenant, counted_at, took_ms, rests_until)"
        " SELECT %(tenant)s, %(now)s, extract(epoch FROM took) * 1000, now() + %(rest)s * took"
        " FROM (SELECT clock_timestamp() - %(began)s AS took) AS counting"
        " ON CONFLICT (tenant) DO UPDATE SET counted_at = excluded.counted_at,"
        " took_ms = excluded.took_ms, rests_until = excluded.rests_until",
        {"tenant": tenant, "now": now, "rest": REST + 1, "began": began[0] if began else None},
    )


def counted(connection: Connection, tenant: str) -> Counted | None:
    """Return when a tenant's ways were counted, None if they never were."""
    row = connection.execute(
        "SELECT counted_at, took_ms FROM funnel_count WHERE tenant = %s", (tenant,)
    ).fetchone()
    return Counted(counted_at=row[0], took_ms=row[1]) if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandFunnel:
    """How many shoppers stand at each stage with one brand, by the count of `counted_at`, µs UTC.

    `flows` tells how they came there from the stages of FLOW_DAYS before. Before the first count
    all is 0. What happened with the goods of other brands says nothing here.
    """

    shoppers: Count
    flows: Sequence[Flow] = ()
    counted_at: int = 0


def brand_funnel(connection: Connection, tenant: str, brand: str) -> BrandFunnel:
    """Return a brand's funnel by the last count."""
    last = counted(connection, tenant)
    nobody: Count = dict.fromkeys(STAGES, 0)
    if last is None:
        return BrandFunnel(shoppers=nobody)
    day = last.counted_at // DAY_US
    found = counts(connection, tenant, [day], "brand", brand)[day]
    moved = flows(connection, tenant, day - FLOW_DAYS, day, "brand", brand)
    return BrandFunnel(
        shoppers=found.get(brand, nobody),
        flows=moved.get(brand, ()),
        counted_at=last.counted_at,
    )


def counts(
    connection: Connection, tenant: str, days: Sequence[int], by: By = "whole", key: str = ""
) -> dict[int, dict[str, Count]]:
    """Return what `funnel.counts` returned when the ways were counted."""
    names, ways = _read(connection, tenant, by, key)
    return {
        day: {
            names[place]: dict(zip(STAGES, shoppers, strict=True))
            for place, shoppers in sorted(paths.totals(ways, day).items())
        }
        for day in days
    }


def flows(
    connection: Connection, tenant: str, first: int, last: int, by: By = "whole", key: str = ""
) -> dict[str, list[Flow]]:
    """Return what `funnel.flows` returned when the ways were counted."""
    names, ways = _read(connection, tenant, by, key)
    found: dict[str, list[Flow]] = defaultdict(list)
    for (place, before, after), shoppers in sorted(paths.moves(ways, first, last).items()):
        was = "" if before == paths.NOBODY else STAGES[before]
        found[names[place]].append(Flow(before=was, after=STAGES[after], shoppers=shoppers))
    return dict(found)


class _Keys:
    """The names under which facts are counted, by the number that stands for each in them."""

    def __init__(self, connection: Connection, tenant: str, names: str, *, is_brand: bool) -> None:
        """Read the names; raises ValueError where two have one number, which hardly ever is."""
        rows = sorted(connection.execute(names.encode(), {"tenant": tenant}).fetchall())
        self._numbers = np.array([number for number, _ in rows], dtype=np.int64)
        texts = [name for _, name in rows]
        if len(set(self._numbers.tolist())) != len(texts):
            raise ValueError("two names of the funnel have one number: rename one of them")
        of: Mapping[By, list[str | None]] = (
            {"brand": list(texts)}
            if is_brand
            else {
                "whole": ["" for _ in texts],
                "store": [name if name[:1] not in ("", "@") else None for name in texts],
                "channel": [_channel(name) for name in texts],
            }
        )
        self._names = {
            by: sorted({each for each in some if each is not None}) for by, some in of.items()
        }
        self.key_of: dict[By, Numbers] = {}
        for by, some in of.items():
            place = {name: at for at, name in enumerate(self._names[by])}
            keys = [paths.NOBODY if each is None else place[each] for each in some]
            self.key_of[by] = np.array(keys, dtype=np.int64)

    def names_of(self, by: By) -> list[str]:
        """Return the keys of a kind, each at its place."""
        return self._names[by]

    def of(self, by: By, numbers: Numbers) -> Numbers:
        """Return the place of the key of each number, NOBODY where it has none of this kind.

        What came after the names were read has none, and waits for the next count.
        """
        at = np.searchsorted(self._numbers, numbers)
        known = np.flatnonzero(at < len(self._numbers))
        known = known[self._numbers[at[known]] == numbers[known]]
        found = np.full(len(numbers), paths.NOBODY, dtype=np.int64)
        found[known] = self.key_of[by][at[known]]
        return found


def _channel(place: str) -> str | None:
    match place[:1]:
        case "":
            return None
        case "@":
            return place[1:]
        case _:
            return STORES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """All facts of some shoppers; `facts.group` numbers the shoppers, `names` says the key."""

    facts: Facts
    names: Numbers
    shoppers: int


def _ways(part: _Part, keys: _Keys, rules: Sequence[StageRule]) -> Iterator[tuple[By, Ways]]:
    for by in keys.key_of:
        key = keys.of(by, part.names)
        mine = np.flatnonzero(key != paths.NOBODY)
        of = key[mine] * part.shoppers + part.facts.group[mine]
        wanted, group = np.unique(of, return_inverse=True)
        facts = Facts(
            group=group,
            **{
                name: getattr(part.facts, name)[mine]
                for name in ("day", "act", "times", "amount", "since", "until")
            },
        )
        for ways in paths.ways_of(facts, wanted // part.shoppers, rules):
            yield by, ways


def _parts(
    connection: Connection, tenant: str, facts: str, rules: Sequence[StageRule]
) -> Iterator[_Part]:
    """Yield the facts of a tenant's shoppers, of each shopper all together.

    The columns come as arrays in the server's binary form, of which numpy takes the numbers at
    once: a row at a time they would cost more than all that is counted from them.
    """
    row = connection.execute(
        "SELECT count(*) FROM identifier WHERE tenant = %s", (tenant,)
    ).fetchone()
    parts = 1 << max(0, int(row[0] if row else 0) // SHOPPERS_AT_ONCE).bit_length()
    asked = {"tenant": tenant, "acts": paths.acts_of(rules), "mask": parts - 1}
    asked |= {"day_max": paths.DAY_MAX}
    statement = (
        f"{facts} SELECT array_agg(shopper), array_agg(key), array_agg(day),"  # noqa: S608
        " array_agg(act), array_agg(times), array_agg(amount), array_agg(since), array_agg(until)"
        " FROM fact GROUP BY uuid_hash(shopper) & %(mask)s"
    )
    connection.execute(f"DECLARE ways NO SCROLL CURSOR FOR {statement}".encode(), asked)
    while result := connection.execute("FETCH 1 FROM ways", binary=True).pgresult:
        if not result.ntuples:
            break
        shopper, *columns = [result.get_value(0, at) or b"" for at in range(result.nfields)]
        yield _part(shopper, columns)
    connection.execute("CLOSE ways")


def _part(shopper: bytes, columns: Sequence[bytes]) -> _Part:
    names, day, act, times, amount, since, until = map(_numbers, columns)
    group = _numbered(shopper)
    facts = Facts(
        group=group,
        day=day,
        act=act,
        times=times,
        amount=amount,
        since=since,
        until=until,
    )
    return _Part(facts=facts, names=names, shoppers=int(group.max()) + 1)


# An array of PostgreSQL's without nulls: behind its header each value stands behind its length.
_NUMBER = np.dtype([("length", ">i4"), ("value", ">i8")])
_UUID = np.dtype([("length", ">i4"), ("high", ">u8"), ("low", ">u8")])


def _numbers(raw: bytes) -> Numbers:
    return np.frombuffer(raw, _NUMBER, offset=_ARRAY_HEADER_BYTES)["value"].astype(np.int64)


def _numbered(raw: bytes) -> Numbers:
    """Return for each id of an array which of them it is, from 0 on."""
    ids = np.frombuffer(raw, _UUID, offset=_ARRAY_HEADER_BYTES)
    high, low = ids["high"].astype(np.uint64), ids["low"].astype(np.uint64)
    order = np.lexsort((low, high))
    new = np.zeros(len(order), dtype=np.int64)
    new[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    numbered = np.empty_like(new)
    numbered[order] = np.cumsum(new)
    return numbered


def _write(
    connection: Connection,
    tenant: str,
    by: By,
    names: Sequence[str],
    lengths: Mapping[int, Sequence[Ways]],
) -> None:
    rows = []
    for length, parts in sorted(lengths.items()):
        whole = paths.merged(
            Ways(
                key=np.concatenate([each.key for each in parts]),
                changes=np.concatenate([each.changes for each in parts]),
                shoppers=np.concatenate([each.shoppers for each in parts]),
            )
        )
        bounds = np.searchsorted(whole.key, np.arange(len(names) + 1)).tolist()
        for place, name in enumerate(names):
            for part, at in enumerate(range(bounds[place], bounds[place + 1], WAYS_PER_ROW)):
                upto = min(at + WAYS_PER_ROW, bounds[place + 1])
                changes = whole.changes[at:upto].astype("<i4").tobytes()
                shoppers = whole.shoppers[at:upto].astype("<i8").tobytes()
                rows.append((tenant, by, name, length, part, changes, shoppers))
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY funnel_path (tenant, by_what, key, length, part, changes, shoppers) FROM STDIN"
        ) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _read(connection: Connection, tenant: str, by: By, key: str) -> tuple[list[str], list[Ways]]:
    rows = connection.execute(
        "SELECT key, length, changes, shoppers FROM funnel_path WHERE tenant = %s AND by_what = %s"
        " AND %s IN ('', key) ORDER BY key, length, part",
        (tenant, by, key),
        binary=True,
    ).fetchall()
    names = sorted({row[0] for row in rows})
    place = {name: at for at, name in enumerate(names)}
    by_length: dict[int, list[tuple[int, bytes, bytes]]] = defaultdict(list)
    for name, length, changes, shoppers in rows:
        by_length[length].append((place[name], changes, shoppers))
    return names, [
        Ways(
            key=np.repeat(
                np.array([at for at, _, _ in some], dtype=np.int64),
                [len(shoppers) // 8 for _, _, shoppers in some],
            ),
            changes=np.frombuffer(b"".join(each[1] for each in some), "<i4").reshape(-1, length),
            shoppers=np.frombuffer(b"".join(each[2] for each in some), "<i8"),
        )
        for length, some in by_length.items()
    ]
