"""The identity graph: a fold over the log of links that comes out the same for every order."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from cloud_sync.identity.links import Demoted, Erased, Joined, LinkEvent, Undone


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Which shopper each identifier belongs to.

    A shopper's ID is the smallest identifier of those joined, so that it depends on the links
    alone, and every shopper ID ever shown is an identifier that can still be looked up.
    """

    shoppers: Mapping[str, str]
    shared: Mapping[str, str]
    erased: frozenset[str]

    def shopper_of(self, identifier: str) -> str | None:
        """Return the shopper ID that an identifier, or an older shopper ID, stands for now.

        None for a shared thing, which is nobody, and for one that is erased.
        """
        if identifier in self.shared:
            return None
        if identifier in self.erased and identifier not in self.shoppers:
            return None
        return self.shoppers.get(identifier, identifier)

    def members(self) -> dict[str, list[str]]:
        """Return the identifiers of each shopper, sorted."""
        found: dict[str, list[str]] = {}
        for identifier in sorted(self.shoppers):
            found.setdefault(self.shoppers[identifier], []).append(identifier)
        return found

    def digest(self) -> str:
        """Return a hash of who is who; equal graphs have equal ones."""
        content = (sorted(self.shoppers.items()), sorted(self.shared), sorted(self.erased))
        return hashlib.blake2b(repr(content).encode(), digest_size=16).hexdigest()


def fold(log: Iterable[LinkEvent]) -> Graph:
    """Fold a log of links, in whatever order it is given."""
    latest = Latest(log)
    shared = {key: each.because for key, each in latest.demotions.items() if each.demoted}
    parent: dict[str, str] = {}
    for join in latest.joins.values():
        sides = [each for each in (join.one, join.other) if latest.knows(join, each)]
        for side in sides:
            parent.setdefault(side, side)
        if len(sides) == 2 and latest.holds(join) and not shared.keys() & sides:
            low, high = sorted(root(parent, side) for side in sides)
            parent[high] = low
    shoppers = {each: root(parent, each) for each in parent if each not in shared}
    return Graph(shoppers=shoppers, shared=shared, erased=frozenset(latest.erased))


class Latest:
    """The last word of a log about each join and identifier."""

    def __init__(self, log: Iterable[LinkEvent] = ()) -> None:
        """Begin with what a log says, in whatever order it is given."""
        self.joins: dict[str, Joined] = {}
        self.undone: dict[str, Undone] = {}
        self.demotions: dict[str, Demoted] = {}
        self.erased: dict[str, int] = {}
        for event in log:
            self.take(event)

    def take(self, event: LinkEvent) -> None:
        """Take one more event; the later of two words counts, whichever is taken first."""
        match event:
            case Joined(join=key):
                self.joins[key] = max(event, self.joins.get(key, event), key=_joined)
            case Undone(join=key):
                self.undone[key] = max(event, self.undone.get(key, event), key=_word)
            case Demoted(identifier=key):
                self.demotions[key] = max(event, self.demotions.get(key, event), key=_said)
            case Erased(identifier=key, at=at):
                self.erased[key] = max(at, self.erased.get(key, at))
            case _:
                assert_never(event)

    def knows(self, join: Joined, side: str) -> bool:
        """Tell whether a join says something about an identifier that was not erased since."""
        return side not in self.erased or join.at > self.erased[side]

    def holds(self, join: Joined) -> bool:
        """Tell whether a join was not undone."""
        word = self.undone.get(join.join)
        return word is None or not word.undone


def root(parent: dict[str, str], each: str) -> str:
    """Return the smallest of those joined with `each`, and shorten the way to it."""
    while parent[each] != each:
        parent[each] = parent[parent[each]]
        each = parent[each]
    return each


def _joined(join: Joined) -> tuple[int, Joined]:
    return join.at, join


def _word(word: Undone) -> tuple[int, bool, str, str]:
    return word.at, word.undone, word.because, word.source


def _said(said: Demoted) -> tuple[int, bool, str, str]:
    return said.at, said.demoted, said.because, said.source
