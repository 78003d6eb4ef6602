"""A crowd that uses kiosks, shop tablets, family phones and its own things, drawn from a seed.

Each event says which identifiers were shown together; who it really was is told apart. All kinds of
trouble are settings of `Crowd`:

- **kiosks** show their own id in every event, under a kind that no table knows. Some shoppers scan
  their member code there, others only look around; these are people of their own, seen once.
- **tablets** of the shop have one cookie, with which staff look things up for one after another.
- **families** share a phone number, or a browser, or both.
- **numbers** are given to somebody else after a while (`recycled_share`).
- **apps** are installed anew, and browsers lose their cookies.
- **guests** order with phone and e-mail and have no membership; members sometimes do so too.
- **placeholders** are typed where a number is asked for.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

DAY_S = 86_400
BEGIN_S = 1_780_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How many people there are, and how much trouble they make. Shares are from 0 to 1."""

    people: int = 2_000
    days: int = 120
    events_each: float = 14.0
    stores: int = 3
    kiosks_a_store: int = 2
    kiosk_kind: str = "totem_ref"
    tablets_a_store: int = 1
    member_share: float = 0.7
    family_share: float = 0.35
    family_phone_share: float = 0.5
    family_browser_share: float = 0.5
    recycled_share: float = 0.01
    reinstalls: float = 0.5
    new_cookies: float = 1.5
    lookers_share: float = 0.05
    login_share: float = 0.5
    placeholder_share: float = 0.01
    kiosk_share: float = 0.35
    tablet_share: float = 0.03
    kinds: dict[str, str] = field(default_factory=dict)
    """Other names for the kinds `member`, `phone`, `email`, `app` and `web`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One event of the crowd, as a line of a replay would have it, and who it really was."""

    line: dict[str, object]
    person: str


@dataclass(slots=True, kw_only=True)
class _Person:
    name: str
    store: int
    member: str | None
    phone: str
    own_phone: str
    email: str
    browser: str
    from_s: float = 0.0
    until_s: float = 1e18


def draw_crowd(crowd: Crowd, *, seed: int) -> list[Seen]:
    """Return the events of a crowd in the order in which they arrive: stores may be late."""
    chance = random.Random(seed)  # noqa: S311 (made-up people)
    people = _people(crowd, chance)
    drawn = [seen for person in people for seen in _events(crowd, person, chance)]
    drawn += list(_lookers(crowd, chance, len(drawn)))
    drawn.sort(key=lambda each: each[0] + (chance.random() < 0.1) * chance.uniform(0, 3 * DAY_S))
    return [
        Seen(line={"event_id": f"e{number}", **line}, person=person)
        for number, (_, line, person) in enumerate(drawn)
    ]


_Drawn = tuple[float, dict[str, object], str]


def _people(crowd: Crowd, chance: random.Random) -> list[_Person]:
    people: list[_Person] = []
    while len(people) < crowd.people:
        in_family = chance.random() < crowd.family_share / 2.0
        size = chance.randint(2, 4) if in_family else 1
        phone, browser = _number(chance), _token(chance)
        shares_phone = chance.random() < crowd.family_phone_share
        shares_browser = chance.random() < crowd.family_browser_share
        store = chance.randrange(crowd.stores)
        for _ in range(size):
            name = f"p{len(people)}"
            own = _number(chance)
            people.append(
                _Person(
                    name=name,
                    store=store,
                    member=_token(chance) if chance.random() < crowd.member_share else None,
                    phone=phone if size > 1 and shares_phone else own,
                    own_phone=own,
                    email=f"{_token(chance)}@mail.example",
                    browser=browser if size > 1 and shares_browser else _token(chance),
                )
            )
    _recycle(crowd, people, chance)
    return people


def _recycle(crowd: Crowd, people: list[_Person], chance: random.Random) -> None:
    """Give the numbers of some people, who leave, to others, who come later."""
    singles = [person for person in people if person.phone == person.own_phone]
    chance.shuffle(singles)
    count = int(crowd.recycled_share * len(people))
    for old, new in zip(singles[:count], singles[count : 2 * count], strict=False):
        old.until_s = 0.4 * crowd.days * DAY_S
        new.from_s = 0.6 * crowd.days * DAY_S
        new.phone = new.own_phone = old.phone


def _events(crowd: Crowd, person: _Person, chance: random.Random) -> Iterator[_Drawn]:
    count = max(1, round(chance.expovariate(1 / crowd.events_each)))
    first, last = person.from_s, min(person.until_s, crowd.days * DAY_S)
    times = sorted(chance.uniform(first, last) for _ in range(count))
    app = _token(chance) if chance.random() < 0.5 else None
    browser = person.browser
    shared_browser = browser
    for time in times:
        if app and chance.random() < crowd.reinstalls / count:
            app = _token(chance)
        if chance.random() < crowd.new_cookies / count:
            browser = _token(chance)
        used = shared_browser if chance.random() < 0.5 else browser
        kind, shown, device = _act(crowd, person, app, used, chance)
        store = f"store-{person.store}" if device else "web"
        yield time, _line(crowd, time, store, device, kind, shown), person.name


def _act(
    crowd: Crowd, person: _Person, app: str | None, browser: str, chance: random.Random
) -> tuple[str, list[tuple[str, str]], str]:
    """Return the kind of an event, what was shown in it, and the device it happened at."""
    dice = chance.random()
    who = _name(person)
    if dice < crowd.kiosk_share:
        kiosk = f"kiosk-{person.store}-{chance.randrange(max(1, crowd.kiosks_a_store))}"
        return "scan", [*_some(who, 0.9, chance), (crowd.kiosk_kind, kiosk)], kiosk
    if dice < crowd.kiosk_share + crowd.tablet_share and crowd.tablets_a_store:
        tablet = f"tablet-{person.store}-{chance.randrange(crowd.tablets_a_store)}"
        return "searched", [*_some(who, 0.8, chance), ("web", f"c-{tablet}")], tablet
    if app and chance.random() < 0.4:
        return "viewed", [("app", app), *_some(who, crowd.login_share, chance)], ""
    if chance.random() < 0.3:
        phone = "00000000000" if chance.random() < crowd.placeholder_share else person.phone
        shown = [("phone", phone), *_some([("email", person.email)], 0.7, chance)]
        return "purchased", [*shown, *_some(who, 0.4, chance), ("web", browser)], ""
    return "viewed", [("web", browser), *_some(who, crowd.login_share / 2, chance)], ""


def _name(person: _Person) -> list[tuple[str, str]]:
    """Return how somebody says who they are: by what is theirs alone."""
    if person.member:
        return [("member", person.member)]
    if person.phone == person.own_phone:
        return [("phone", person.phone)]
    return [("email", person.email)]


def _some(
    shown: list[tuple[str, str]], share: float, chance: random.Random
) -> list[tuple[str, str]]:
    return shown if chance.random() < share else []


def _lookers(crowd: Crowd, chance: random.Random, count: int) -> Iterator[_Drawn]:
    """Yield people who only look around at a kiosk, each touching it a few times."""
    if not crowd.kiosks_a_store:
        return
    for number in range(int(crowd.lookers_share * count / 2)):
        time = chance.uniform(0, crowd.days * DAY_S)
        store = chance.randrange(crowd.stores)
        kiosk = f"kiosk-{store}-{chance.randrange(crowd.kiosks_a_store)}"
        for _ in range(chance.randint(1, 3)):
            time += chance.uniform(3, 30)
            shown = [(crowd.kiosk_kind, kiosk)]
            line = _line(crowd, time, f"store-{store}", kiosk, "tapped", shown)
            yield time, line, f"looker{number}"


def _line(
    crowd: Crowd,
    time: float,
    store: str,
    device: str,
    kind: str,
    shown: list[tuple[str, str]],
) -> dict[str, object]:
    identifiers = [{"kind": crowd.kinds.get(each, each), "value": value} for each, value in shown]
    return {
        "occurred_at": round(BEGIN_S + time, 3),
        "store": store,
        "device": device,
        "kind": kind,
        "identifiers": identifiers,
    }


def _number(chance: random.Random) -> str:
    return f"+4477{chance.randrange(10**8):08d}"


def _token(chance: random.Random) -> str:
    return f"{chance.randrange(16**12):012x}"
