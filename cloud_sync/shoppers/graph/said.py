"""What a person says about who is who: these two are one, these are not, this is many people's.

Each is a word in the log, with its reason and whose it was, and can be taken back by another one.
The ladder of rules never speaks about what a person has spoken about.
"""

from collections.abc import Collection, Sequence
from functools import partial

from psycopg import Connection

from cloud_sync.identity.graph import Latest
from cloud_sync.identity.links import RULES, Demoted, Erased, Joined, LinkEvent, Undone, pair_id
from cloud_sync.shoppers.graph.regroup import Component, regroup, states_of
from cloud_sync.shoppers.graph.second_look import partners_of

SOURCE_CHARACTERS_MAX = 64


class SaidError(ValueError):
    """What was said cannot be so; the text says why and what to do instead."""


def join(
    connection: Connection, tenant: str, one: str, other: str, *, because: str, source: str
) -> set[str]:
    """Join the shoppers of two identifiers, whatever the ladder says; the shoppers that changed.

    A split that was said of the two no longer holds.

    Raises SaidError where one is not known, or other words keep the two apart.
    """
    _check(connection, tenant, {one, other}, source)
    if one == other:
        raise SaidError("an identifier is always one with itself; name two")
    low, high = sorted((one, other))

    def say(component: Component) -> Sequence[LinkEvent]:
        now, pair = component.now, pair_id(low, high)
        word = Latest(component.log).undone.get(pair)
        held = Undone(join=pair, at=now, undone=False, because=because, source=source)
        return [
            *([held] if word is not None and word.undone else []),
            Joined(join=pair, at=now, one=low, other=high, because=because, source=source),
        ]

    changed = regroup(connection, tenant, {one, other}, say=say)
    found = states_of(connection, tenant, {one, other})
    if found[one].shopper != found[other].shopper:
        shared = [each for each in (one, other) if found[each].demoted]
        if shared:
            raise SaidError(f"{shared[0]} is used by many people; restore it first")
        raise SaidError("the two are too large to be one person; split what does not belong first")
    return changed


def split(
    connection: Connection, tenant: str, apart: Collection[str], *, because: str, source: str
) -> set[str]:
    """Take some identifiers out of their shopper, to be another one; the shoppers that changed.

    No evidence joins the two again, old or new, until somebody says that they are one.

    Raises SaidError where they are not all of one shopper that has others, too.
    """
    _check(connection, tenant, apart, source)
    states = states_of(connection, tenant, apart)
    if len({each.shopper for each in states.values()}) != 1:
        raise SaidError("these are not one shopper's identifiers, so there is nothing to split")
    return regroup(
        connection, tenant, apart, say=partial(_parted, frozenset(apart), because, source)
    )


def keep_apart(
    connection: Connection, tenant: str, one: str, other: str, *, because: str, source: str
) -> set[str]:
    """Say that two identifiers are not of one shopper, joined or not; the shoppers that changed.

    A join that was said of the two no longer holds, and no evidence joins them until somebody says
    that they are one.

    Raises SaidError where one is not known, or other joins hold the two together.
    """
    _check(connection, tenant, {one, other}, source)
    if one == other:
        raise SaidError("an identifier is always one with itself; name two")
    pair = pair_id(one, other)
    changed = regroup(
        connection,
        tenant,
        {one, other},
        say=lambda component: [Undone(join=pair, at=component.now, because=because, source=source)],
    )
    found = states_of(connection, tenant, {one, other})
    if found[one].shopper == found[other].shopper:
        raise SaidError("other joins hold the two together; split what belongs to another shopper")
    return changed


def demote(
    connection: Connection, tenant: str, identifier: str, *, because: str, source: str
) -> set[str]:
    """Say that an identifier is a thing of many people; the shoppers that changed."""
    _check(connection, tenant, {identifier}, source)
    return regroup(
        connection,
        tenant,
        {identifier},
        say=lambda component: [
            Demoted(identifier=identifier, at=component.now, because=because, source=source)
        ],
    )


def restore(
    connection: Connection, tenant: str, identifier: str, *, because: str, source: str
) -> set[str]:
    """Say that an identifier is one person's after all; the shoppers that changed."""
    _check(connection, tenant, {identifier}, source)
    linked = {identifier, *partners_of(connection, tenant, identifier, both_ways=True)}
    return regroup(
        connection,
        tenant,
        linked,
        say=lambda component: [
            Demoted(
                identifier=identifier,
                at=component.now,
                demoted=False,
                because=because,
                source=source,
            )
        ],
    )


def erase(connection: Connection, tenant: str, identifiers: Collection[str]) -> set[str]:
    """Say that links of some identifiers up to now are gone for good; the shoppers that changed.

    It takes the identifiers out of the graph. What else is kept of them is for others to erase.
    """

    def say(component: Component) -> Sequence[LinkEvent]:
        # A device's clock may be ahead: what it has sent so far is gone all the same.
        known = [e.last_at for e in component.evidence if {e.one, e.other} & set(identifiers)]
        at = max([component.now, *known])
        return [Erased(identifier=each, at=at) for each in sorted(identifiers)]

    return regroup(connection, tenant, identifiers, say=say)


def _parted(
    apart: frozenset[str], because: str, source: str, component: Component
) -> Sequence[LinkEvent]:
    """Undo every link between some identifiers and the others of their shopper."""
    shopper = component.states[min(apart)].shopper
    rest = {e for e, state in component.states.items() if state.shopper == shopper} - apart
    if not rest:
        raise SaidError("these are all identifiers of the shopper; name those that are another's")
    linked = [
        *((each.one, each.other) for each in component.evidence),
        *((each.one, each.other) for each in component.log if isinstance(each, Joined)),
    ]
    crossing = {
        pair_id(*pair)
        for pair in linked
        if (pair[0] in apart and pair[1] in rest) or (pair[1] in apart and pair[0] in rest)
    }
    return [
        Undone(join=pair, at=component.now, because=because, source=source)
        for pair in sorted(crossing)
    ]


def _check(connection: Connection, tenant: str, identifiers: Collection[str], source: str) -> None:
    if source == RULES or not 1 <= len(source) <= SOURCE_CHARACTERS_MAX or not source.isprintable():
        raise SaidError(f"say who says so, in 1 to {SOURCE_CHARACTERS_MAX} characters")
    known = states_of(connection, tenant, identifiers)
    for each in sorted(identifiers):
        if each not in known:
            raise SaidError(f"no event ever showed the identifier {each}")
