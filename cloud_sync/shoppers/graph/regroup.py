"""Deciding anew who is who where anything was said about it: one component, in one transaction.

Of nearly all identifiers nobody ever says anything: links join them, and identity.py does it with
one statement. Where a person has spoken, or a link would join what the ladder keeps apart, the
whole component is read, the ladder is climbed, its words are appended, and the shopper of each
identifier is what the graph that is folded from the log says.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection
from psycopg.errors import SerializationFailure

from cloud_sync.database import arrays
from cloud_sync.identity.component import Evidence, Ruling, rule_on
from cloud_sync.identity.graph import Graph, Latest, fold, root
from cloud_sync.identity.links import RULES, Joined, LinkEvent, Undone, pair_id
from cloud_sync.shoppers.graph import words
from wire.topics import shard_of

# A component with more identifiers than this is no person's: what would make one is left apart.
COMPONENT_MAX = 2_000
# Other workers keep adding to a component that is read; each round sees what they have added.
ROUNDS_MAX = 20


Pair = tuple[str, str]


class RegroupError(SerializationFailure):
    """Others kept changing the identifiers concerned: the transaction is to be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is in force of an identifier: its shopper, its component if any, whether demoted."""

    shopper: str
    component: str | None
    demoted: bool

    @property
    def is_thing(self) -> bool:
        """Tell whether it links nobody, so that nobody is looked for through it."""
        return self.demoted and self.component is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """All that is linked, whoever it belongs to, as it was read under its locks at `now`."""

    states: Mapping[str, State]
    evidence: Sequence[Evidence]
    log: Sequence[LinkEvent]
    now: int


def regroup(
    connection: Connection,
    tenant: str,
    identifiers: Collection[str],
    *,
    links: Collection[Pair] = (),
    say: Callable[[Component], Sequence[LinkEvent]] = lambda _: (),
    at_most: int = COMPONENT_MAX,
) -> set[str]:
    """Decide anew who is who in the components of some identifiers.

    `say` returns what a person says about them, which is appended first. `links` are those for
    whose sake it is done: they join nobody where there would be more than `at_most` identifiers.

    Returns the shopper IDs that changed, before and after. They are decided anew soon, so that
    each store is told; what was prepared for them is forgotten at once.

    Raises RegroupError where others keep changing them, to be done again.
    """
    before = _locked(connection, tenant, identifiers)
    if len(before) > at_most:
        _left_apart(connection, tenant, identifiers, links, at_most)
        return set()
    component = _component(connection, tenant, before)
    new_words = say(component)
    log = [*component.log, *new_words]
    ruling = rule_on(component.evidence, log, component.now)
    log += ruling.words
    words.append(connection, tenant, [*new_words, *ruling.words])
    graph = fold([*log, *(each.as_joined() for each in component.evidence)])
    after = _states(before, component.evidence, log, graph, ruling)
    _write(connection, tenant, {each: after[each] for each in after if after[each] != before[each]})
    moved = [each for each in after if after[each].shopper != before[each].shopper]
    changed = {state[each].shopper for state in (before, after) for each in moved}
    _make_known(connection, tenant, changed, [e for e in after if after[e].shopper in changed])
    return changed


def _component(connection: Connection, tenant: str, states: Mapping[str, State]) -> Component:
    said = words.read(connection, tenant, states)
    return Component(
        states=states,
        evidence=_evidence(connection, tenant, states, Latest(said).erased),
        log=said,
        now=max([_now(connection), *(each.at + 1 for each in said)]),
    )


def _state(shopper: UUID, component: UUID | None, demoted: bool) -> State:
    return State(
        shopper=shopper.hex, component=component.hex if component else None, demoted=demoted
    )


def states_of(
    connection: Connection, tenant: str, identifiers: Collection[str]
) -> dict[str, State]:
    """Return what is in force of identifiers that are known."""
    rows = connection.execute(
        "SELECT asked.id, known.shopper, known.component, known.demoted"
        " FROM unnest(%s::uuid[]) AS asked (id) CROSS JOIN LATERAL"
        " (SELECT shopper, component, demoted FROM identifier WHERE identifier.tenant = %s"
        "  AND identifier.identifier = asked.id OFFSET 0) AS known",
        (arrays.plain(sorted(identifiers)), tenant),
    )
    return {each.hex: _state(*row) for each, *row in rows}


def linked_with(connection: Connection, tenant: str, identifiers: Collection[str]) -> set[str]:
    """Return all that is linked with some identifiers, whoever it belongs to."""
    return _linked(connection, tenant, states_of(connection, tenant, identifiers))


def _locked(connection: Connection, tenant: str, identifiers: Collection[str]) -> dict[str, State]:
    """Lock all that is linked with some identifiers, in sorted order, and return it."""
    found: dict[str, State] = {}
    for _ in range(ROUNDS_MAX):
        wanted = _linked(connection, tenant, states_of(connection, tenant, identifiers))
        if found.keys() == wanted:
            return found
        rows = connection.execute(
            "SELECT asked.id, known.shopper, known.component, known.demoted"
            " FROM unnest(%s::uuid[]) AS asked (id) CROSS JOIN LATERAL"
            " (SELECT shopper, component, demoted FROM identifier WHERE identifier.tenant = %s"
            "  AND identifier.identifier = asked.id FOR NO KEY UPDATE) AS known",
            (arrays.plain(sorted(wanted)), tenant),
        )
        found = {each.hex: _state(*row) for each, *row in rows}
    raise RegroupError("others keep joining the same identifiers; do it again")


def _linked(connection: Connection, tenant: str, states: Mapping[str, State]) -> set[str]:
    """Return the identifiers of the components, or shoppers, that these are in."""
    rows = connection.execute(
        "SELECT found.identifier FROM unnest(%s::uuid[]) AS asked (id) CROSS JOIN LATERAL"
        " (SELECT identifier FROM identifier WHERE identifier.tenant = %s"
        "  AND identifier.component = asked.id OFFSET 0) AS found"
        " UNION ALL SELECT found.identifier FROM unnest(%s::uuid[]) AS asked (id)"
        " CROSS JOIN LATERAL (SELECT identifier, component, demoted FROM identifier"
        "  WHERE identifier.tenant = %s AND identifier.shopper = asked.id OFFSET 0) AS found"
        " WHERE found.component IS NULL AND NOT found.demoted",
        (
            arrays.plain({each.component for each in states.values() if each.component}),
            tenant,
            arrays.plain({each.shopper for each in states.values() if not each.component}),
            tenant,
        ),
    )
    return {each.hex for (each,) in rows} | states.keys()


def _evidence(
    connection: Connection, tenant: str, members: Collection[str], erased: Mapping[str, int]
) -> list[Evidence]:
    """Return what is known of each pair of members, from what came after an erasure."""
    rows = connection.execute(
        "SELECT asked.id, seen.* FROM unnest(%s::uuid[]) AS asked (id) CROSS JOIN LATERAL"
        " (SELECT other, count(*), min(occurred_at), max(occurred_at) FROM link"
        "  WHERE link.tenant = %s AND link.identifier = asked.id AND NOT EXISTS"
        "   (SELECT FROM unnest(%s::uuid[], %s::bigint[]) AS gone (id, at)"
        "    WHERE gone.id IN (link.identifier, link.other) AND link.occurred_at <= gone.at)"
        "  GROUP BY other) AS seen",
        (
            arrays.plain(sorted(members)),
            tenant,
            arrays.plain(erased),
            arrays.numbers(erased.values()),
        ),
    )
    return [
        Evidence(one=one.hex, other=other.hex, times=times, first_at=first_at, last_at=last_at)
        for one, other, times, first_at, last_at in rows
        if other.hex in members
    ]


def _states(
    before: Collection[str],
    evidence: Sequence[Evidence],
    log: Sequence[LinkEvent],
    graph: Graph,
    ruling: Ruling,
) -> dict[str, State]:
    """Return what is in force after a ruling: shoppers by the graph, components by what is linked.

    A component of which nothing said is in force any more is none: its shopper is all there is.
    """
    latest = Latest(log)
    parent = {each: each for each in before if each not in ruling.things}
    # What an erasure took is no link any more, also where it was just said.
    pairs = [
        *((each.one, each.other) for each in evidence if not _erased(latest, each, each.last_at)),
        *((e.one, e.other) for e in latest.joins.values() if not _erased(latest, e, e.at)),
    ]
    for one, other in pairs:
        if one in parent and other in parent:
            low, high = sorted((root(parent, one), root(parent, other)))
            parent[high] = low
    spoken = {each for each in latest.demotions.keys() | latest.erased.keys() if each in parent}
    spoken -= {
        each
        for each, word in latest.demotions.items()
        if word.source == RULES and not word.demoted and each not in latest.erased
    }
    for pair, undone in latest.undone.items():
        if undone.undone or undone.source != RULES:
            spoken.update(each for each in pair.split("+") if each in parent)
    spoken.update(each.one for each in latest.joins.values() if each.one in parent)
    contested = {root(parent, each) for each in spoken}
    return {
        each: State(
            shopper=graph.shoppers.get(each, each),
            component=top
            if (top := root(parent, each) if each in parent else "") in contested
            else None,
            demoted=each in graph.shared,
        )
        for each in before
    }


def _erased(latest: Latest, link: Evidence | Joined, at: int) -> bool:
    """Tell whether one of a link's ends was erased since it was last seen or said."""
    return any(at <= latest.erased.get(end, at - 1) for end in (link.one, link.other))


def _write(connection: Connection, tenant: str, states: Mapping[str, State]) -> None:
    if not states:
        return
    ordered = sorted(states)
    connection.execute(
        "UPDATE identifier SET shopper = new.shopper, demoted = new.demoted,"
        " component = nullif(new.component, '')::uuid"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::boolean[])"
        "  AS new (id, shopper, component, demoted)"
        " WHERE identifier.tenant = %s AND identifier.identifier = new.id",
        (
            arrays.plain(ordered),
            arrays.plain(states[each].shopper for each in ordered),
            arrays.texts(states[each].component or "" for each in ordered),
            arrays.plain(str(states[each].demoted).lower() for each in ordered),
            tenant,
        ),
    )


def _make_known(
    connection: Connection, tenant: str, shoppers: Collection[str], members: Collection[str]
) -> None:
    """Let what changed be decided anew, and forget what was prepared for an arrival.

    The reasons of their coupons are looked at again: they may have been another's doing.
    """
    if not shoppers:
        return
    ordered = sorted(shoppers)
    connection.execute(
        "DELETE FROM prepared WHERE tenant = %s AND shopper = ANY(%s::uuid[])",
        (tenant, arrays.plain(ordered)),
    )
    connection.execute(
        "UPDATE coupon SET doubtful = true WHERE tenant = %s AND owner = ANY(%s::uuid[])",
        (tenant, arrays.plain(sorted(members))),
    )
    due = sorted((shard_of(tenant, each), each) for each in ordered)
    connection.execute(
        "INSERT INTO shopper_due (shard, tenant, shopper) SELECT shard, %s, shopper"
        " FROM unnest(%s::smallint[], %s::text[]) AS due (shard, shopper) ON CONFLICT DO NOTHING",
        (tenant, arrays.numbers(shard for shard, _ in due), arrays.plain(each for _, each in due)),
    )


def _left_apart(
    connection: Connection,
    tenant: str,
    identifiers: Collection[str],
    links: Collection[Pair],
    at_most: int,
) -> None:
    """Say of links that would make too large a component that they join nobody."""
    said = Latest(words.read(connection, tenant, identifiers))
    because = f"together they would have more than {at_most} identifiers"
    now = _now(connection)
    fresh = sorted({pair_id(*pair) for pair in links} - said.undone.keys())
    undone = [Undone(join=pair, at=now, because=because, source=RULES) for pair in fresh]
    words.append(connection, tenant, undone)


def _now(connection: Connection) -> int:
    row = connection.execute(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    ).fetchone()
    assert row is not None  # noqa: S101 (one row always)
    return int(row[0])
