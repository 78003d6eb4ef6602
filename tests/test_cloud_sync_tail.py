from msgspec.structs import replace

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.intake.tail import Tail
from tests.shopper_builders import happened
from wire.events import Arrival

ONE = happened(Arrival())


def events(first: int, last: int) -> list[LedgerEvent]:
    return [replace(ONE, position=position) for position in range(first, last + 1)]


def positions(tail: Tail, after: int, limit: int = 100, shard: int = 3) -> list[int]:
    return [each.position for each in tail.read(shard, after, limit)]


def test_appended_events_are_read_from_memory_until_they_are_folded() -> None:
    tail = Tail()
    tail.add({3: events(1, 4), 5: events(7, 8)})
    tail.add({3: events(5, 6)})
    assert positions(tail, 0, limit=3) == [1, 2, 3]
    assert positions(tail, 0) == [1, 2, 3, 4, 5, 6]  # nothing is forgotten by reading
    assert positions(tail, 4) == [5, 6]
    assert positions(tail, 6) == []
    assert positions(tail, 6, shard=5) == [7, 8]


def test_what_another_writer_appended_in_between_is_left_to_the_ledger() -> None:
    tail = Tail()
    tail.add({3: events(5, 6)})
    assert positions(tail, 2) == []
    assert positions(tail, 4) == [5, 6]
    tail.add({3: events(9, 9)})
    assert positions(tail, 6) == []
    assert positions(tail, 8) == [9]


def test_a_tail_is_bounded_and_forgets_the_shards_of_others() -> None:
    tail = Tail(events_max=5)
    tail.add({3: events(1, 4)})
    tail.add({5: events(1, 2)})
    assert positions(tail, 0) == [1, 2, 3, 4]
    assert positions(tail, 0, shard=5) == []
    tail.forget_all_but({5})
    assert positions(tail, 0) == []
