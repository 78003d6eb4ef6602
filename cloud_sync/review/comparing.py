"""Comparing records with each other: who is exact is joined, who is likely is proposed to people.

Records of a tenant are compared by one index of all of them (see identity/linkage/online.py), which
is kept in memory and built anew by the batch when a tenth of its records have come since, or when
one of them has changed or is gone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import Connection

from cloud_sync.database import Database, retried
from cloud_sync.identity.linkage.confidence import (
    Confidence,
    allows_personal_offers,
    confidence_of,
)
from cloud_sync.identity.linkage.online import Index, Match
from cloud_sync.identity.linkage.people import PeopleError
from cloud_sync.identity.rules import LADDER
from cloud_sync.review import proposals, records
from cloud_sync.review.records import Held, as_people
from cloud_sync.review.worth import worth_of
from cloud_sync.shoppers.graph import said
from cloud_sync.shoppers.graph.identity import lock, members_of, shoppers_of
from cloud_sync.shoppers.graph.joining import JoinError
from cloud_sync.shoppers.graph.said import SaidError
from cloud_sync.shoppers.profiles.profile import profiles_of
from wire.identifiers import Identifier, identifier_id

# More records of a tenant are not compared: the newest wait, and are counted as left.
RECORDS_MAX = 100_000
# An index is built anew when more than this share of its records came after it was built.
GROWTH_MAX = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What became of records that waited: compared, of them joined or proposed; and those left."""

    compared: int = 0
    joined: int = 0
    proposed: int = 0
    left: int = 0


@dataclass(slots=True, kw_only=True)
class _Known:
    """An index of a tenant's records, with the version of each that is in it."""

    index: Index
    digests: dict[str, bytes]


class Comparer:
    """Compares what waits, tenant by tenant.

    Guarantees: a record counts as compared only in the transaction that joined or proposed what
    came of it, so that nothing is lost with the program; two at a time do no harm, as a proposal
    is made once.
    """

    def __init__(self, database: Database, keys: Mapping[str, bytes]) -> None:
        """Compare the records of the tenants whose identifier keys these are."""
        self._database = database
        self._keys = keys
        self._known: dict[str, _Known] = {}

    def compare_all(self, now: int) -> dict[str, Compared]:
        """Compare what waits of every tenant; returns those of whom anything was compared."""
        found = {tenant: self.compare(tenant, now) for tenant in sorted(self._keys)}
        return {tenant: done for tenant, done in found.items() if done.compared}

    def compare(self, tenant: str, now: int) -> Compared:
        """Compare the records of a tenant that wait; those of another key are left."""
        with self._database.shopper(tenant) as connection:
            if not records.waiting(connection, tenant):
                return Compared()
            found = records.held(connection, tenant, self._keys[tenant], RECORDS_MAX)
        fresh = [each for each in found if each.waits]
        if not fresh:
            return Compared()
        index = self._index(tenant, found)
        done = Compared()
        of = {each.record.name: each for each in found}
        for each in fresh:
            likely = [] if index is None else list(_likely(index, each))
            done = self._settle(tenant, each, likely, of, done, now)
        with self._database.shopper(tenant) as connection:
            return replace(done, left=records.waiting(connection, tenant))

    def _index(self, tenant: str, found: Sequence[Held]) -> Index | None:
        """Return the index with all these records; None where there is nothing to learn from."""
        now = {each.record.name: each.digest for each in found}
        known = self._known.get(tenant)
        if known and known.digests.items() <= now.items():
            added = [each for each in found if each.record.name not in known.digests]
            if len(now) <= known.index.learned_of * (1 + GROWTH_MAX):
                for each in added:
                    _take(known, each)
                return known.index
        try:
            index = Index.of(as_people([each.record for each in found]))
        except PeopleError:
            self._known.pop(tenant, None)
            return None
        self._known[tenant] = _Known(index=index, digests=now)
        return index

    def _settle(
        self,
        tenant: str,
        each: Held,
        likely: Sequence["Likely"],
        of: Mapping[str, Held],
        done: Compared,
        now: int,
    ) -> Compared:
        """Join or propose what came of one record, and note that it was compared."""

        def work(connection: Connection) -> Compared:
            told = replace(done, compared=done.compared + 1)
            for one in likely:
                other = of[one.record].record.identifier
                pair = (each.record.identifier, other)
                state = _join_or_propose(connection, tenant, pair, one, now)
                if state:
                    joined = state == "joined"
                    told = replace(
                        told,
                        joined=told.joined + joined,
                        proposed=told.proposed + (not joined),
                    )
                    # One at a time: what was joined or decided may make the others needless.
                    break
            records.note_compared(connection, tenant, each, now)
            return told

        return retried(lambda: self._database.shopper(tenant), work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """A record that may be of the same person, how sure that is, and what speaks for it."""

    record: str
    confidence: Confidence
    chance: float
    because: Mapping[str, object]


def _take(known: _Known, each: Held) -> None:
    """Add a record to an index, in the group in which it belongs."""
    person = known.index.person(each.record.name, each.record.said)
    matched = known.index.match(person)
    known.index.accept(person, matched.group, matched.chances)
    known.digests[each.record.name] = each.digest


def _likely(index: Index, each: Held) -> Iterator[Likely]:
    """Yield the records of the group that a record belongs to, the likeliest first.

    A pair is no surer than the whole group is.
    """
    name = each.record.name
    matched: Match = index.match(index.person(name, each.record.said))
    if matched.group is None:
        return
    beside = {
        index.ids[at]: chance
        for at, chance in matched.chances.items()
        if index.groups[at] == matched.group and index.ids[at] != name
    }
    for record in sorted(beside, key=lambda other: (-beside[other], other)):
        chance = min(beside[record], matched.chance)
        yield Likely(
            record=record,
            confidence=confidence_of(chance, runner_up=matched.runner_up),
            chance=chance,
            because={"waterfall": index.explain(name, record).as_json()},
        )


def _join_or_propose(
    connection: Connection,
    tenant: str,
    pair: tuple[Identifier, Identifier],
    likely: Likely,
    now: int,
) -> str:
    """Join two shoppers where that is exact and no rule is against it, else propose it to people.

    Returns what the proposal is then; empty where nothing was to be done.
    """
    ids = (identifier_id(pair[0]), identifier_id(pair[1]))
    keys = [(tenant, each) for each in ids]
    found = shoppers_of(connection, keys)
    shoppers = [found.get(key) for key in keys]
    if None in shoppers or shoppers[0] == shoppers[1]:
        return ""
    both = [(tenant, each) for each in shoppers if each is not None]
    if lock(connection, both) != set(both):
        raise JoinError("one of them was joined or erased just now")
    members = members_of(connection, both)
    owned = [[identifier_id(one) for one in members[key]] for key in both]
    if proposals.was_proposed(connection, tenant, owned[0], owned[1]):
        return ""
    against = _against([one for key in both for one in members[key]])
    profiles = profiles_of(connection, members)
    worth = worth_of([profiles[key] for key in both], likely.chance, now)
    because = {**likely.because, "worth": worth.as_json(), "against": against}
    joins = allows_personal_offers(likely.confidence) and not against
    if joins:
        reason = f"records alike: {likely.confidence}, chance {likely.chance:.4f}"
        try:
            with connection.transaction():  # what cannot hold leaves no word behind
                said.join(connection, tenant, *ids, because=reason, source=proposals.RECORDS)
        except SaidError:  # one is used by many people, or both together are too large
            joins = False
    proposals.propose(
        connection,
        tenant,
        ids,
        likely.confidence,
        likely.chance,
        worth.cents,
        because,
        now,
        joined_by=proposals.RECORDS if joins else "",
    )
    return "joined" if joins else "open"


def _against(owned: Sequence[Identifier]) -> list[str]:
    """Return the kinds of which two shoppers together have more values than a person has."""
    counts: dict[str, int] = {}
    for each in owned:
        counts[each.kind] = counts.get(each.kind, 0) + 1
    return sorted(
        kind
        for kind, count in counts.items()
        if kind in LADDER and (count > LADDER[kind].own_max or (LADDER[kind].forbids and count > 1))
    )
