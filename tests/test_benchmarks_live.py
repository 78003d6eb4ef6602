"""The benchmark of live events runs small, and every measured event is answered."""

from benchmarks.live import live


def test_live_events_are_answered_at_the_kiosk_and_by_the_audience_beside_others():
    results = list(live(shoppers=300, per_s=40, seconds=3, stores=2, warm_up_s=0.5))
    assert all(each.value > 0 for each in results[:6])
    assert sum(each.goal is not None for each in results) == 2
