"""Who is who: noisy records and a crowd with kiosks, each beside what is done without thinking."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.result import Goal, Result
from cloud_sync.identity.linkage.evaluation import evaluate
from cloud_sync.identity.linkage.link import link
from cloud_sync.identity.linkage.people import People, read_column, read_people
from cloud_sync.identity.replay import Replay, assign
from storebridge.simulated.crowd import Crowd, Seen, draw_crowd

# Kiosks, families and phones, and nothing else that goes wrong.
CALM = Crowd(
    tablets_a_store=0,
    recycled_share=0,
    placeholder_share=0,
    family_share=0.1,
    login_share=0.9,
    events_each=20,
)
RECORDS_IN_A_MINUTE = 25_000
Pairs = list[tuple[str, str]]


def identity(*, every: int = 1, people: int = 2_000) -> Iterator[Result]:
    """Measure on every so manieth person of the file, and on a crowd of so many people."""
    yield from _people(every)
    for name, crowd in (("a calm crowd", CALM), ("a crowd in all its trouble", Crowd())):
        yield from _crowd(name, crowd, people)


def _people(every: int) -> Iterator[Result]:
    file = Path(os.environ.get("STOREBRIDGE_DATA", "../shared/data")) / "records/people.csv.gz"
    truth = read_column(file, "cluster")
    kept = {record for record, person in truth.items() if int(person[1:]) % every == 0}
    people = _only(read_people(file), kept)
    began = time.process_time()
    groups = dict(zip(people.ids, link(people).groups, strict=True))
    cpu_s = time.process_time() - began
    found = evaluate(groups, {record: truth[record] for record in kept})
    rule = _same_name_or_address(people)
    peer = evaluate(rule, {record: truth[record] for record in kept})
    named = "equal name, or equal date and postcode"
    yield _share("F1 of pairs of records", found.f1, 0.87, named, peer.f1)
    yield _share("precision of pairs of records", found.precision, 0.95, named, peer.precision)
    yield Result(
        name="identity: records in the largest group",
        value=found.largest,
        unit=f"of {found.records}",
        goal=Goal(of="value", better="at most", number=60),
        peer=named,
        peer_value=peer.largest,
    )
    yield Result(
        name=f"identity: processor time of linking {RECORDS_IN_A_MINUTE} records",
        value=cpu_s * RECORDS_IN_A_MINUTE / len(people.ids),
        unit="s",
        goal=Goal(of="value", better="at most", number=60),
    )


def _crowd(name: str, crowd: Crowd, people: int) -> Iterator[Result]:
    seen = draw_crowd(replace(crowd, people=people), seed=1)
    truth = {str(each.line["event_id"]): each.person for each in seen}
    replay = Replay()
    began = time.process_time()
    replay.take(json.dumps(each.line).encode() for each in seen)
    found = evaluate(assign(replay.events).shoppers, truth)
    took_s = time.process_time() - began
    plain = evaluate(_joined(seen, lambda _: True), truth)
    by_hand = evaluate(_joined(seen, lambda kind: kind != crowd.kiosk_kind), truth)
    calm = crowd is CALM
    label = f"{name}, kiosks unlabelled"
    yield _share(f"F1, {label}", found.f1, 0.930 if calm else None, "plain union", plain.f1)
    yield _share(f"F1, {label}", found.f1, None, "kiosk ids removed by hand", by_hand.f1)
    yield _share(
        f"precision, {label}",
        found.precision,
        0.995 if calm else 0.98,
        "kiosk ids removed by hand",
        by_hand.precision,
    )
    yield Result(
        name=f"identity: events replayed, {name}",
        value=len(seen) / took_s,
        unit="a second of processor time",
    )


def _share(name: str, value: float, least: float | None, peer: str, peer_value: float) -> Result:
    goal = None if least is None else Goal(of="value", better="at least", number=least)
    return Result(
        name=f"identity: {name}",
        value=value,
        unit="of 1",
        goal=goal,
        peer=peer,
        peer_value=peer_value,
    )


def _only(people: People, kept: set[str]) -> People:
    return people.of_records([at for at, record in enumerate(people.ids) if record in kept])


def _same_name_or_address(people: People) -> dict[str, str]:
    """Join records of an equal full name, or an equal date and postcode, as a query would."""
    value = {name: values for name, (_, values) in people.columns.items()}
    pairs = []
    for at, record in enumerate(people.ids):
        if value["full_name"][at]:
            pairs.append((record, f"name {value['full_name'][at]}"))
        if value["dob"][at] and value["postcode_fake"][at]:
            pairs.append((record, f"at {value['dob'][at]} {value['postcode_fake'][at]}"))
    return _union(people.ids, pairs)


def _joined(seen: Sequence[Seen], counts: Callable[[str], bool]) -> dict[str, str]:
    """Join all events that share an identifier of a kind that counts."""
    pairs: Pairs = []
    for each in seen:
        shown = each.line["identifiers"]
        assert isinstance(shown, list)
        pairs += [
            (str(each.line["event_id"]), f"{one['kind']} {one['value']}")
            for one in shown
            if counts(one["kind"])
        ]
    return _union([str(each.line["event_id"]) for each in seen], pairs)


def _union(ids: Sequence[str], pairs: Pairs) -> dict[str, str]:
    parent: dict[str, str] = {each: each for each in ids}

    def root(each: str) -> str:
        parent.setdefault(each, each)
        while parent[each] != each:
            parent[each] = parent[parent[each]]
            each = parent[each]
        return each

    for one, other in pairs:
        parent[root(one)] = root(other)
    return {each: root(each) for each in ids}
