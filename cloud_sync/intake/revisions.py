"""How far a store has applied its downlink, and what to send it next, decided free of I/O.

How a shell (`publisher.py`; the simulator has its own) uses it, for each store:

- a change of a key: `revision + 1` in the transaction that writes the key with that revision. A
  removed key stays as a row without a value, so that every key changed after a revision is known,
  until the store has applied that revision and it is `forgotten`;
- Birth: `on_birth`; Applied: `on_applied`; save the state when it changed;
- then, and on each tick: while `due` names a Span, load the keys with a revision in
  (start, end], lowest revision first, cut where an Update would become too large (its `end` is then
  the revision of the last key in it; a snapshot may be cut too: what follows comes as Updates),
  publish, and `on_sent` with that `end`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from wire.messages import Applied, Birth, Change

UPDATE_TIMEOUT_MS = 2_000
UNKNOWN = -1


class Span(msgspec.Struct, frozen=True):
    """The revisions (start, end] to send; a snapshot replaces all that the store has."""

    start: int
    end: int
    snapshot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What was put on a store's downlink: its changes in order, and who knows the last revision."""

    tenant: str
    store: str
    changes: Sequence[Change]
    revision: Callable[[], int]


class DownState(msgspec.Struct, frozen=True, kw_only=True):
    """The downlink of one store: the revision counted so far, and what the store has of it.

    `applied` is UNKNOWN until the store has said, under this owner, what it has; then a snapshot
    is due. `sent_ms` is when the oldest Update without an answer was sent; it and `sent` need not
    be saved. Keys removed up to revision `forgotten` are known no more: a store that has applied
    less, as one restored from a backup, is sent a snapshot.
    """

    owner: bytes
    revision: int = 0
    forgotten: int = 0
    applied: int = UNKNOWN
    sent: int = UNKNOWN
    sent_ms: int = 0


def lift(state: DownState, applied: int) -> DownState:
    """Count on above what the store has applied, and send it everything: the cloud forgot some."""
    return replace(state, revision=max(state.revision, applied + 1), applied=UNKNOWN, sent=UNKNOWN)


def on_birth(state: DownState, birth: Birth) -> DownState:
    """Learn from a Birth what the store has; of an owner before this one it has nothing."""
    if birth.owner != state.owner or birth.applied > state.revision:
        return lift(state, birth.applied)
    if birth.applied < state.forgotten:
        return lift(state, birth.applied)
    return replace(state, applied=birth.applied, sent=UNKNOWN)


def on_applied(state: DownState, applied: Applied, now_ms: int) -> DownState:
    """Learn what the store has applied; less than before means that it asks again."""
    if applied.owner != state.owner or applied.revision > state.revision:
        return lift(state, applied.revision)
    if applied.revision < min(state.applied, state.forgotten):
        return lift(state, applied.revision)
    if applied.revision < state.applied:
        return replace(state, applied=applied.revision, sent=UNKNOWN)
    moved = applied.revision > state.applied
    return replace(state, applied=applied.revision, sent_ms=now_ms if moved else state.sent_ms)


def due(state: DownState, now_ms: int) -> Span | None:
    """Return what to send now: what was not sent yet, or all again that was not acknowledged."""
    if state.applied >= state.revision:
        return None
    if state.sent != UNKNOWN and now_ms - state.sent_ms < UPDATE_TIMEOUT_MS:
        sent = max(state.sent, state.applied)
        return Span(sent, state.revision, snapshot=False) if sent < state.revision else None
    if state.applied == UNKNOWN:
        return Span(0, state.revision, snapshot=True)
    return Span(state.applied, state.revision, snapshot=False)


def on_sent(state: DownState, end: int, now_ms: int) -> DownState:
    """Take note that an Update up to revision `end` is under way."""
    waiting = state.sent != UNKNOWN and state.sent > state.applied
    if waiting and now_ms - state.sent_ms < UPDATE_TIMEOUT_MS:
        return replace(state, sent=end)
    return replace(state, sent=end, sent_ms=now_ms)
