"""What another system is told of a shopper: a message for each whose state is news to it."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from psycopg import Connection

from cloud_sync.flow import queue
from cloud_sync.flow.audiences import Audience, audiences_of, audiences_set
from cloud_sync.flow.queue import Due
from cloud_sync.shoppers.consent.allowed import Allowed, allowed
from cloud_sync.shoppers.graph.identity import members_of, shoppers_of
from cloud_sync.shoppers.profiles.profile import Profile, profiles_of
from cloud_sync.shoppers.profiles.stage import stage_of

PURPOSE = "sharing"


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told: that a shopper is so now, or is gone, with the reason.

    `id` is the same whenever the same state is sent again, so that the receiver can leave out what
    it has. `at` is µs UTC. `reason` of one who is gone is consent, erased, joined or left.
    """

    id: str
    type: str
    shopper: str
    at: int
    stage: str = ""
    because: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    reason: str = ""
    joined_into: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A claimed shopper, what is to be told of them, if anything, and what is known afterwards."""

    due: Due
    message: Message | None
    checksum: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known of shoppers when they are told of: the current ID of each, and profiles."""

    leave: Allowed
    current: Mapping[str, str]
    profiles: Mapping[str, Profile]
    told: Mapping[str, bytes]
    audiences: Sequence[Audience]


def read_state(
    connection: Connection, tenant: str, connector: str, shoppers: Collection[str]
) -> State:
    """Return what is known of shoppers, with leave for those who allow that it is passed on."""
    current = shoppers_of(connection, [(tenant, each) for each in shoppers])
    living = {key for key in current if current[key] == key[1]}
    leave = allowed(connection, tenant, [each for _, each in living], PURPOSE)
    members = members_of(connection, [key for key in living if key[1] in leave])
    return State(
        leave=leave,
        current={each: shopper for (_, each), shopper in current.items()},
        profiles={each: profile for (_, each), profile in profiles_of(connection, members).items()},
        told=queue.checksums_of(connection, tenant, connector, shoppers),
        audiences=audiences_set(connection, tenant),
    )


def news(due: Due, state: State, *, connector: str, wanted: Collection[str], now: int) -> News:
    """Decide what another system is told of a shopper at `now` (µs UTC): a pure function.

    `wanted` are the audiences that it is told of; none: everybody who allows it.
    """
    before = state.told.get(due.shopper)
    current = state.current.get(due.shopper)
    if current is None:
        return _gone(due, before, connector, now, "erased")
    if current != due.shopper:
        return _gone(due, before, connector, now, "joined", joined_into=current)
    profile = state.profiles.get(due.shopper)
    if due.shopper not in state.leave or profile is None:
        return _gone(due, before, connector, now, "consent")
    staged = stage_of(profile, now)
    within = audiences_of(profile, staged.stage, state.audiences, now)
    if wanted and not set(wanted) & set(within):
        return _gone(due, before, connector, now, "left")
    told = tuple(each for each in within if not wanted or each in wanted)
    checksum = hashlib.blake2b(repr((staged.stage, told)).encode(), digest_size=8).digest()
    if checksum == before:
        return News(due=due, message=None, checksum=checksum)
    message = Message(
        id=_id(connector, due, checksum),
        type="shopper.changed",
        shopper=due.shopper,
        at=now,
        stage=staged.stage,
        because=tuple(each.reason for each in staged.because),
        audiences=told,
    )
    return News(due=due, message=message, checksum=checksum)


def _gone(
    due: Due, before: bytes | None, connector: str, now: int, reason: str, joined_into: str = ""
) -> News:
    if before is None:
        return News(due=due, message=None, checksum=None)
    message = Message(
        id=_id(connector, due, reason.encode()),
        type="shopper.gone",
        shopper=due.shopper,
        at=now,
        reason=reason,
        joined_into=joined_into,
    )
    return News(due=due, message=message, checksum=None)


def _id(connector: str, due: Due, state: bytes) -> str:
    """Return the id of a message: the same for the same state of the same version."""
    said = f"{connector}:{due.shopper}:{due.since}:{due.version}:".encode() + state
    return hashlib.blake2b(said, digest_size=16).hexdigest()
