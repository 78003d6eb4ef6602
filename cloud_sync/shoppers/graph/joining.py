"""Joining identifiers that were shown together: at once where it is plain, else by the ladder."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import Connection
from psycopg.errors import SerializationFailure

from cloud_sync.database import arrays
from cloud_sync.identity.component import COMPONENT_LADDER, plain_max
from cloud_sync.identity.graph import Latest
from cloud_sync.identity.links import pair_id
from cloud_sync.shoppers.graph import words
from cloud_sync.shoppers.graph.identity import Key, lock, merged
from cloud_sync.shoppers.graph.regroup import State, regroup, states_of
from wire.identifiers import kind_of_id

# Joins meet joins of other workers; each round sees at least one of them through.
JOIN_ROUNDS_MAX = 20
PLAIN_MAX = plain_max(COMPONENT_LADDER)
# More than any plain shopper has.
MEMBERS_READ_MAX = 1 + sum(PLAIN_MAX.values())


class JoinError(SerializationFailure):
    """Other workers kept joining the same identifiers: the transaction is to be repeated."""


@dataclass(slots=True, kw_only=True)
class _Group:
    """Shoppers that links would make one.

    `pairs` are the identifiers that were linked, `links` their shoppers; `kinds` says how many
    identifiers of each kind each shopper has, and `spoken_of` whether anything was said of one.
    """

    pairs: set[tuple[Key, Key]] = field(default_factory=set)
    links: set[tuple[Key, Key]] = field(default_factory=set)
    kinds: dict[Key, Counter[str]] = field(default_factory=dict)
    spoken_of: bool = False

    def is_plain(self) -> bool:
        """Tell whether the ladder would join them all, so that it need not be climbed.

        It would where nothing was said of any and there is one value of each kind of which people
        have one; or where all but one are single cookies or apps that met only this one.
        """
        if self.spoken_of:
            return False
        total: Counter[str] = sum(self.kinds.values(), Counter())
        exclusive = [kind for kind in total if COMPONENT_LADDER[kind].exclusive]
        if any(count > PLAIN_MAX[kind] for kind, count in total.items() if kind not in exclusive):
            return False
        if all(total[kind] <= 1 for kind in exclusive):
            return True
        holders = {
            key for key, kinds in self.kinds.items() if any(kinds[each] for each in exclusive)
        }
        singles = all(kinds.total() == 1 for key, kinds in self.kinds.items() if key not in holders)
        return len(holders) == 1 and singles and all(holders & {*pair} for pair in self.links)


def join(connection: Connection, pairs: Iterable[tuple[Key, Key]]) -> None:
    """Make one shopper of each connected set of identifiers, within the caller's transaction.

    Of what is known to be apart, or a thing of many people, new evidence is looked at later: it may
    change what was decided.

    The rows of the shopper IDs concerned are locked in sorted order; when a worker that came first
    has joined one of them in the meantime, the question is asked anew.

    Raises JoinError when JOIN_ROUNDS_MAX rounds did not suffice.
    """
    asked = list(pairs)
    for _ in range(JOIN_ROUNDS_MAX):
        states = _states(connection, {key for pair in asked for key in pair})
        apart = [pair for pair in asked if states[pair[0]].shopper != states[pair[1]].shopper]
        links = [pair for pair in apart if _may_join(states[pair[0]], states[pair[1]])]
        roots = merged((_shopper(states, one), _shopper(states, other)) for one, other in links)
        concerned = {*roots, *roots.values()}
        if concerned and lock(connection, concerned) != concerned:
            continue
        groups = _groups(connection, roots, states, links)
        plain = {low for low, group in groups.items() if group.is_plain()}
        _point_to(connection, {each: low for each, low in roots.items() if low in plain})
        _climb(connection, [group.pairs for low, group in groups.items() if low not in plain])
        linked = set(apart) - set(links)
        known = _known(connection, states, linked)
        _climb(connection, [{pair} for pair in linked - known])
        _look_later(connection, states, known)
        return
    raise JoinError("identifiers are being joined elsewhere; fold their events again")


def _states(connection: Connection, keys: Collection[Key]) -> dict[Key, State]:
    found: dict[Key, State] = {}
    for tenant in sorted({tenant for tenant, _ in keys}):
        ours = [each for owner, each in keys if owner == tenant]
        states = states_of(connection, tenant, ours)
        found |= {(tenant, each): state for each, state in states.items()}
    return found


def _shopper(states: Mapping[Key, State], key: Key) -> Key:
    return key[0], states[key].shopper


def _may_join(one: State, other: State) -> bool:
    """Tell whether a link between two can join them: they are not known to be apart already."""
    linked = one.component is not None and one.component == other.component
    return not (linked or one.is_thing or other.is_thing)


def _groups(
    connection: Connection,
    roots: Mapping[Key, Key],
    states: Mapping[Key, State],
    links: Sequence[tuple[Key, Key]],
) -> dict[Key, _Group]:
    """Return, by the smallest shopper ID of each, the shoppers that links would make one."""
    groups: dict[Key, _Group] = defaultdict(_Group)
    for pair in links:
        ends = [_shopper(states, each) for each in pair]
        group = groups[roots.get(ends[0], ends[0])]
        group.pairs.add(pair)
        group.links.add((ends[0], ends[1]))
    ordered = sorted({*roots, *roots.values()})
    rows = connection.execute(
        "SELECT asked.tenant, asked.id, member.identifier,"
        " member.demoted OR member.component IS NOT NULL"
        " FROM unnest(%s::text[], %s::uuid[]) AS asked (tenant, id) CROSS JOIN LATERAL"
        " (SELECT identifier, component, demoted FROM identifier"
        "  WHERE identifier.tenant = asked.tenant AND identifier.shopper = asked.id LIMIT %s)"
        " AS member",
        (
            arrays.texts(tenant for tenant, _ in ordered),
            arrays.plain(each for _, each in ordered),
            MEMBERS_READ_MAX,
        ),
    )
    for tenant, shopper, member, spoken_of in rows:
        key = (tenant, shopper.hex)
        group = groups[roots.get(key, key)]
        group.kinds.setdefault(key, Counter())[kind_of_id(member.hex)] += 1
        group.spoken_of |= spoken_of
    return groups


def _climb(connection: Connection, groups: Iterable[Collection[tuple[Key, Key]]]) -> None:
    """Let the ladder decide about groups of links, one after the other."""
    for pairs in sorted(map(sorted, groups)):
        tenant = pairs[0][0][0]
        links = {(one, other) for (_, one), (_, other) in pairs}
        regroup(connection, tenant, {each for pair in links for each in pair}, links=links)


def _point_to(connection: Connection, roots: Mapping[Key, Key]) -> None:
    if not roots:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE identifier SET shopper = %s WHERE tenant = %s AND shopper = %s",
            [(roots[loser][1], *loser) for loser in sorted(roots)],
        )


def _known(
    connection: Connection, states: Mapping[Key, State], linked: Collection[tuple[Key, Key]]
) -> set[tuple[Key, Key]]:
    """Return the pairs of which it is decided that they are not one shopper."""
    known = {pair for pair in linked if any(states[each].demoted for each in pair)}
    for (tenant, one), (_, other) in sorted(set(linked) - known):
        word = Latest(words.read(connection, tenant, {one, other})).undone.get(pair_id(one, other))
        if word is not None and word.undone:
            known.add(((tenant, one), (tenant, other)))
    return known


def _look_later(
    connection: Connection, states: Mapping[Key, State], pairs: Iterable[tuple[Key, Key]]
) -> None:
    """Note of which identifiers there is new evidence: the things, or the weaker of a pair."""
    due = {
        each
        for pair in pairs
        for each in [key for key in pair if states[key].is_thing] or [max(pair)]
    }
    if not due:
        return
    ordered = sorted(due)
    connection.execute(
        "INSERT INTO identity_due (tenant, identifier)"
        " SELECT * FROM unnest(%s::text[], %s::uuid[]) ON CONFLICT DO NOTHING",
        (arrays.texts(tenant for tenant, _ in ordered), arrays.plain(each for _, each in ordered)),
    )
