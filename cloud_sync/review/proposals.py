"""Joins that are proposed to people: ranked by worth, so many a day, until their time is over.

A proposal names two identifiers. It joins nobody: that is done by the word of a person, which goes
into the log of identity like any other, with its reason and whose it was, and can be taken back.
What nobody looks at in time expires, and the two stay apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from cloud_sync.database import arrays
from cloud_sync.identity.linkage.confidence import Confidence
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.graph import said
from cloud_sync.shoppers.graph.identity import shoppers_of
from wire.identifiers import kind_of_id

State = Literal["open", "joined", "apart", "expired"]
Decision = Literal["join", "apart"]

STATES: tuple[State, ...] = ("open", "joined", "apart", "expired")
# What each decision makes of a proposal.
BECOMES: Mapping[Decision, State] = {"join": "joined", "apart": "apart"}
# Who decided where a record is exact, so that nobody needs to look at it.
RECORDS = "records"
LISTED_MAX = 500
LIMIT_MAX = 10_000
NAME_BYTES = 8


class ProposalError(ValueError):
    """A proposal cannot be decided as asked; the text says why and what to do instead."""


class UnknownProposalError(LookupError):
    """There is no proposal of this name, or somebody in it was erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many proposals people are shown in 24 hours, and for how many days one stands."""

    a_day: int = 50
    days: int = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Two identifiers that may be one shopper's, and what became of it; times are µs UTC.

    `because` holds the waterfall, how the worth came about, and what the rules have against it.
    """

    proposal: str
    one: str
    other: str
    confidence: Confidence
    chance: float
    worth: int
    because: Mapping[str, object]
    made_at: int
    expires_at: int
    state: State
    decided_at: int | None
    decided_by: str
    decided_because: str

    def as_json(self) -> dict[str, object]:
        """Return it as plain values, with the kinds of both identifiers."""
        kinds = {"one_kind": kind_of_id(self.one), "other_kind": kind_of_id(self.other)}
        return asdict(self) | kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What people are to look at now, and how much of it is left for later."""

    proposals: Sequence[Proposal]
    waiting: int
    decided: int
    limits: Limits


_COLUMNS = (
    "proposal, replace(one::text, '-', '') AS one, replace(other::text, '-', '') AS other,"
    " confidence, chance, worth, because, made_at, expires_at, state, decided_at, decided_by,"
    " decided_because"
)
# Two that are one shopper by now need nobody any more.
_STILL_TWO = (
    "(SELECT shopper FROM identifier WHERE identifier.tenant = held.tenant"
    "  AND identifier.identifier = held.one) IS DISTINCT FROM"
    " (SELECT shopper FROM identifier WHERE identifier.tenant = held.tenant"
    "  AND identifier.identifier = held.other)"
)


def limits_of(connection: Connection, tenant: str) -> Limits:
    """Return a tenant's limits."""
    row = connection.execute(
        "SELECT reviews_a_day, review_days FROM tenant_setting WHERE tenant = %s", (tenant,)
    ).fetchone()
    return Limits(a_day=row[0], days=row[1]) if row else Limits()


def set_limits(connection: Connection, tenant: str, limits: Limits) -> None:
    """Set a tenant's limits; proposals that stand keep their time.

    Raises ValueError for numbers that are none.
    """
    if not (1 <= limits.a_day <= LIMIT_MAX and 1 <= limits.days <= LIMIT_MAX):
        raise ValueError(f"expected 1 to {LIMIT_MAX} a day and 1 to {LIMIT_MAX} days")
    connection.execute(
        "INSERT INTO tenant_setting (tenant, reviews_a_day, review_days) VALUES (%s, %s, %s)"
        " ON CONFLICT (tenant) DO UPDATE SET reviews_a_day = excluded.reviews_a_day,"
        " review_days = excluded.review_days",
        (tenant, limits.a_day, limits.days),
    )


def propose(
    connection: Connection,
    tenant: str,
    pair: tuple[str, str],
    confidence: Confidence,
    chance: float,
    worth: int,
    because: Mapping[str, object],
    now: int,
    *,
    joined_by: str = "",
) -> bool:
    """Propose that two identifiers are one shopper's; False where that was proposed before.

    `joined_by` says who has joined them already.
    """
    one, other = sorted(pair)
    days = limits_of(connection, tenant).days
    row = {
        "tenant": tenant,
        "one": one,
        "other": other,
        "proposal": blake2b(f"{one}{other}".encode(), digest_size=NAME_BYTES).hexdigest(),
        "confidence": confidence,
        "chance": chance,
        "worth": worth,
        "because": Jsonb(dict(because)),
        "now": now,
        "until": now + days * DAY_US,
        "state": "joined" if joined_by else "open",
        "decided_at": now if joined_by else None,
        "decided_by": joined_by,
    }
    made = connection.execute(
        "INSERT INTO join_proposal (tenant, one, other, proposal, confidence, chance, worth,"
        " because, made_at, expires_at, state, decided_at, decided_by) VALUES (%(tenant)s,"
        " %(one)s, %(other)s, %(proposal)s, %(confidence)s, %(chance)s, %(worth)s, %(because)s,"
        " %(now)s, %(until)s, %(state)s, %(decided_at)s, %(decided_by)s) ON CONFLICT DO NOTHING",
        row,
    )
    return made.rowcount == 1


def was_proposed(
    connection: Connection, tenant: str, ones: Sequence[str], others: Sequence[str]
) -> bool:
    """Tell whether a join of any two of these was proposed before, whatever became of it."""
    row = connection.execute(
        "SELECT 1 FROM join_proposal WHERE tenant = %(tenant)s AND"
        " ((one = ANY(%(ones)s::uuid[]) AND other = ANY(%(others)s::uuid[])) OR"
        "  (one = ANY(%(others)s::uuid[]) AND other = ANY(%(ones)s::uuid[]))) LIMIT 1",
        {"tenant": tenant, "ones": arrays.plain(ones), "others": arrays.plain(others)},
    ).fetchone()
    return row is not None


def today(connection: Connection, tenant: str, now: int) -> Today:
    """Return what people are to look at: what is worth most, less what they did in 24 hours."""
    limits = limits_of(connection, tenant)
    decided = _count(
        connection,
        "decided_at > %(since)s AND decided_by <> %(records)s AND state <> 'expired'",
        tenant,
        now,
    )
    left = max(0, limits.a_day - decided)
    waiting = _count(connection, f"state = 'open' AND expires_at > %(now)s AND {_STILL_TWO}",
                     tenant, now)  # fmt: skip
    with connection.cursor(row_factory=class_row(Proposal)) as cursor:
        found = cursor.execute(
            f"SELECT {_COLUMNS} FROM join_proposal AS held WHERE tenant = %(tenant)s"  # noqa: S608
            f" AND state = 'open' AND expires_at > %(now)s AND {_STILL_TWO}"
            " ORDER BY worth DESC, chance DESC, one, other LIMIT %(most)s",
            {"tenant": tenant, "now": now, "most": min(left, LISTED_MAX)},
        ).fetchall()
    return Today(proposals=found, waiting=waiting, decided=decided, limits=limits)


def listed(connection: Connection, tenant: str, state: State) -> list[Proposal]:
    """Return the proposals of a state, those decided or made last first, LISTED_MAX at most."""
    with connection.cursor(row_factory=class_row(Proposal)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM join_proposal AS held WHERE tenant = %s AND state = %s"  # noqa: S608
            " ORDER BY coalesce(decided_at, made_at) DESC, one, other LIMIT %s",
            (tenant, state, LISTED_MAX),
        ).fetchall()


def named(connection: Connection, tenant: str, proposal: str, *, lock: bool = False) -> Proposal:
    """Return a proposal by its name; raises UnknownProposalError."""
    with connection.cursor(row_factory=class_row(Proposal)) as cursor:
        found = cursor.execute(
            f"SELECT {_COLUMNS} FROM join_proposal AS held WHERE tenant = %s AND proposal = %s"  # noqa: S608
            f"{' FOR UPDATE' if lock else ''}",
            (tenant, proposal.replace("\0", "")),
        ).fetchone()
    if found is None:
        raise UnknownProposalError(
            f"there is no proposal {proposal!r}; `review list` and GET /v1/reviews name them"
        )
    return found


def decide(
    connection: Connection,
    tenant: str,
    proposal: str,
    decision: Decision,
    *,
    because: str,
    source: str,
    now: int,
) -> Proposal:
    """Let a person decide about a proposal, or think again, in the caller's transaction.

    The word goes into the log of identity; the shoppers concerned are decided about anew.

    Raises UnknownProposalError, ProposalError where it was decided so before, and SaidError where
    the log cannot take the word.
    """
    held = named(connection, tenant, proposal, lock=True)
    state = BECOMES[decision]
    if held.state == state:
        raise ProposalError(f"{proposal} was decided so before, by {held.decided_by}")
    because = because.replace("\0", "")  # which PostgreSQL does not keep
    told = f"{because} " if because else ""
    reason = f"{told}({held.confidence}, chance {held.chance:.4f}, proposal {proposal})"
    if decision == "join":
        said.join(connection, tenant, held.one, held.other, because=reason, source=source)
    else:
        said.keep_apart(connection, tenant, held.one, held.other, because=reason, source=source)
    connection.execute(
        "UPDATE join_proposal SET state = %s, decided_at = %s, decided_by = %s,"
        " decided_because = %s WHERE tenant = %s AND one = %s AND other = %s",
        (state, now, source, because, tenant, held.one, held.other),
    )
    return named(connection, tenant, proposal)


def expire(connection: Connection, rows_max: int) -> int:
    """Let proposals expire whose time is over: their two are not joined; returns how many."""
    return connection.execute(
        "UPDATE join_proposal AS held SET state = 'expired', decided_at = due.now"
        " FROM (SELECT tenant, one, other, (extract(epoch FROM now()) * 1000000)::bigint AS now"
        "  FROM join_proposal WHERE state = 'open'"
        "  AND expires_at <= (extract(epoch FROM now()) * 1000000)::bigint"
        "  LIMIT %s FOR UPDATE SKIP LOCKED) AS due"
        " WHERE held.tenant = due.tenant AND held.one = due.one AND held.other = due.other",
        (rows_max,),
    ).rowcount


def shoppers_now(connection: Connection, tenant: str, held: Proposal) -> dict[str, str]:
    """Return the shopper IDs that both identifiers of a proposal resolve to now."""
    found = shoppers_of(connection, [(tenant, held.one), (tenant, held.other)])
    return {each: shopper for (_, each), shopper in found.items()}


def _count(connection: Connection, where: str, tenant: str, now: int) -> int:
    row = connection.execute(
        f"SELECT count(*) FROM join_proposal AS held WHERE tenant = %(tenant)s AND {where}",  # noqa: S608
        {"tenant": tenant, "now": now, "since": now - DAY_US, "records": RECORDS},
    ).fetchone()
    return row[0] if row else 0
