"""Whose one new record is, beside the same comparisons with every record there is."""

import time
from collections import Counter
from collections.abc import Iterator

import numpy as np

from benchmarks.result import Goal, Result
from cloud_sync.identity.linkage.link import link
from cloud_sync.identity.linkage.model import probability
from cloud_sync.identity.linkage.online import Index
from cloud_sync.identity.linkage.people import People
from storebridge.simulated.roll import Drawn, draw_roll

PEER = "a scan: the same comparisons with every record"
# A scan takes long; so many records show how long.
SCANNED = 10


def identity_online(*, records: int = 50_000, new: int = 1_000) -> Iterator[Result]:
    """Measure with so many new records, each asked by itself of an index of so many others.

    They agree with the batch where it puts the record, linked with all others and all new ones,
    with the same group: the one that most of its records are in, or none.
    """
    drawn = draw_roll(records + new, seed=7)
    index = Index.of(drawn.people.of_records(range(records)))
    asked = [drawn.people.of_records([at]) for at in range(records, records + new)]
    index.match(asked[0])
    took_ms, found = [], {}
    for person in asked:
        began = time.perf_counter()
        found[person.ids[0]] = index.match(person).group
        took_ms.append((time.perf_counter() - began) * 1e3)
    scan_ms = _scan_ms(index, asked[:SCANNED])
    for share, most in ((50, 2.0), (99, 10.0)):
        yield Result(
            name=f"identity online: one new record against {records}, p{share}",
            value=float(np.percentile(took_ms, share)),
            unit="ms",
            goal=Goal(of="value", better="at most", number=most),
            peer=PEER,
            peer_value=scan_ms,
        )
    yield Result(
        name="identity online: agrees with the batch",
        value=_agreement(index, drawn, found),
        unit="of 1",
        goal=Goal(of="value", better="at least", number=0.995),
    )


def _scan_ms(index: Index, asked: list[People]) -> float:
    every = np.arange(len(index.ids))
    began = time.perf_counter()
    for person in asked:
        probability(index.learned.model.bits(index.levels(every, person)))
    return (time.perf_counter() - began) * 1e3 / len(asked)


def _agreement(index: Index, drawn: Drawn, found: dict[str, str | None]) -> float:
    batch = dict(zip(drawn.people.ids, link(drawn.people).groups, strict=True))
    beside: dict[str, Counter[str]] = {}
    for known, of in zip(index.ids, index.groups, strict=True):
        beside.setdefault(batch[known], Counter())[of] += 1
    agreed = 0
    for record, group in found.items():
        groups = beside.get(batch[record], Counter())
        agreed += group is None if not groups else groups[group or ""] == max(groups.values())
    return agreed / len(found)
