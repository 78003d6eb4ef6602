"""A membership list that nobody kept tidy: made-up people, each on it once or several times.

Drawn like the lists of febrl (P. Christen, 2008): names by a few common and many rare ones, and in
each further record of a person slips of typing, swapped words and gaps.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.identity.linkage.columns import Role
from cloud_sync.identity.linkage.people import People

_BEGIN = ("ba", "be", "ca", "da", "el", "fa", "ga", "ha", "jo", "ka", "li", "ma", "ne", "pe", "ro")
_MIDDLE = ("ber", "chel", "den", "lan", "min", "nar", "ral", "ris", "son", "ter", "ven", "wig", "x")
_END = ("a", "ard", "by", "da", "ert", "ia", "le", "na", "ner", "ow", "ton", "us", "y", "zen")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
COLUMNS: Mapping[str, Role] = {
    "given_name": "name",
    "surname": "name",
    "date_of_birth": "date",
    "suburb": "place",
    "postcode": "postcode",
    "address_1": "address",
    "phone": "number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """How a list is drawn: shares are of records or values, `extra_max` records more a person."""

    given_names: int = 800
    surnames: int = 6_000
    suburbs: int = 1_500
    extra_share: float = 0.5
    extra_max: int = 3
    slip_share: float = 0.15
    gap_share: float = 0.05
    phone_share: float = 0.4


@dataclass(frozen=True, slots=True)
class Drawn:
    """A list of persons, and who each record is of, by its id."""

    people: People
    truth: Mapping[str, str]


def draw_roll(records: int, *, seed: int, roll: Roll | None = None) -> Drawn:
    """Draw a list of so many records; the same seed gives the same list."""
    chance = random.Random(seed)  # noqa: S311 (made-up people)
    rows: list[tuple[str, list[str]]] = []
    for person, values in enumerate(_persons(chance, roll := roll or Roll())):
        copies = chance.randint(1, roll.extra_max) if chance.random() < roll.extra_share else 0
        rows.append((f"p{person}", values))
        rows += [(f"p{person}", _spoilt(values, chance, roll)) for _ in range(copies)]
        if len(rows) >= records:
            break
    rows = rows[:records]
    chance.shuffle(rows)
    ids = [f"r{at:07}" for at in range(len(rows))]
    columns = {
        name: (role, [values[at] for _, values in rows])
        for at, (name, role) in enumerate(COLUMNS.items())
    }
    truth = dict(zip(ids, (person for person, _ in rows), strict=True))
    return Drawn(People(ids=ids, columns=columns), truth)


def _persons(chance: random.Random, roll: Roll) -> Iterator[list[str]]:
    given, surnames, suburbs = (
        _names(count, chance) for count in (roll.given_names, roll.surnames, roll.suburbs)
    )
    postcodes = [f"{chance.randint(1000, 9999)}" for _ in suburbs]
    while True:
        place = _one_of(suburbs, chance)
        day = f"{chance.randint(1930, 2007)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
        street = f"{chance.randint(1, 200)} {surnames[_common(len(surnames), chance)]} street"
        phone = f"04{chance.randint(0, 99_999_999):08}"
        yield [
            _one_of(given, chance),
            _one_of(surnames, chance),
            day,
            place,
            postcodes[suburbs.index(place)],
            street,
            phone if chance.random() < roll.phone_share else "",
        ]


def _spoilt(values: Sequence[str], chance: random.Random, roll: Roll) -> list[str]:
    """Return a person's values as they come a second time."""
    said = [_slip(each, chance) if chance.random() < roll.slip_share else each for each in values]
    if chance.random() < roll.slip_share / 3:
        said[0], said[1] = said[1], said[0]
    return ["" if chance.random() < roll.gap_share else each for each in said]


def _slip(value: str, chance: random.Random) -> str:
    """Return a value with one letter left out, put in, changed, or swapped with the next."""
    if len(value) < 2:
        return value
    at = chance.randrange(len(value) - 1)
    letter = chance.choice(DIGITS if value[at] in DIGITS else LETTERS)
    return chance.choice(
        (
            value[:at] + value[at + 1 :],
            value[:at] + letter + value[at:],
            value[:at] + letter + value[at + 1 :],
            value[:at] + value[at + 1] + value[at] + value[at + 2 :],
        )
    )


def _names(count: int, chance: random.Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        middle = "".join(chance.choices(_MIDDLE, k=chance.randint(0, 2)))
        found[chance.choice(_BEGIN) + middle + chance.choice(_END)] = None
    return list(found)


def _one_of(values: Sequence[str], chance: random.Random) -> str:
    return values[_common(len(values), chance)]


def _common(size: int, chance: random.Random) -> int:
    """Return a place below `size`, the first ones most often, as names are spread."""
    return int(size ** chance.random()) - 1
