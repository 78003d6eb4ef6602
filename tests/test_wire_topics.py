"""Topics name exactly what they were built from, and no payload or stranger can forge one."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import lanes, names
from wire.messages import Lane
from wire.topics import (
    SHARDS,
    Topic,
    TopicError,
    applied_topic,
    beat_topic,
    check_name,
    down_topic,
    matches,
    parse_topic,
    shard_filters,
    shard_of,
    state_topic,
    subscription_qos,
    up_topic,
)


@given(tenant=names, store=names, lane=lanes)
def test_every_topic_comes_back_as_it_was_built(tenant: str, store: str, lane: Lane):
    shard = shard_of(tenant, store)
    built = {
        up_topic(tenant, store, lane): ("up", shard, lane),
        state_topic(tenant, store): ("state", shard, None),
        beat_topic(tenant, store): ("beat", shard, None),
        applied_topic(tenant, store): ("applied", shard, None),
        down_topic(tenant, store): ("down", -1, None),
    }
    for topic, (kind, number, in_lane) in built.items():
        assert parse_topic(topic) == Topic(
            kind=kind, tenant=tenant, store=store, shard=number, lane=in_lane
        )


@given(tenant=names, store=names, lane=lanes, shard=st.integers(0, SHARDS - 1))
def test_the_filters_of_a_shard_name_its_stores_alone(
    tenant: str, store: str, lane: Lane, shard: int
):
    up = (up_topic(tenant, store, lane), state_topic(tenant, store))
    for topic in (*up, beat_topic(tenant, store), applied_topic(tenant, store)):
        heard = [wanted for wanted in shard_filters(shard) if matches(wanted, topic)]
        assert len(heard) == (shard == shard_of(tenant, store))
    assert not any(matches(wanted, down_topic(tenant, store)) for wanted in shard_filters(shard))


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["sb", "up", "down", "a", "01", ""])).map("/".join)
)
@example("sb/acme/up/00/s0001/live")
@example("sb/acme/down/s0001/live")
@example("sb/+/down/s0001")
def test_any_text_is_a_topic_or_a_topic_error(text: str):
    with contextlib.suppress(TopicError):
        topic = parse_topic(text)
        assert text.startswith("sb/")
        assert check_name(topic.tenant)
        assert check_name(topic.store)


def test_a_shard_is_the_same_for_ever():
    assert [shard_of("acme", f"s000{n}") for n in (1, 2, 3)] == [53, 15, 25]
    assert shard_of("lumen", "shanghai-01") == 43


def test_shards_share_the_stores_evenly():
    counts = [0] * SHARDS
    for number in range(6_400):
        counts[shard_of("acme", f"store-{number:05}")] += 1
    assert min(counts) > 60
    assert max(counts) < 140


def test_a_topic_of_the_wrong_shard_is_refused():
    right = up_topic("acme", "s0001", "live")
    with pytest.raises(TopicError, match="not that of store"):
        parse_topic(right.replace("/53/", "/54/"))
    with pytest.raises(TopicError):
        parse_topic(right.replace("/53/", "/053/"))
    with pytest.raises(TopicError, match="shard 64"):
        shard_filters(64)


@pytest.mark.parametrize("name", ["", "A", "a/b", "a+", "#", "-a", "a" * 41, "门店", "a\n", "a.b"])
def test_a_name_that_cannot_stand_in_a_topic_is_refused(name: str):
    with pytest.raises(TopicError):
        check_name(name)
    with pytest.raises(TopicError):
        down_topic("acme", name)


@pytest.mark.parametrize(
    ("wanted", "topic", "heard"),
    [
        ("sb/+/up/01/+/+", "sb/a/up/01/s/live", True),
        ("sb/+/up/01/+/+", "sb/a/up/01/s", False),
        ("sb/#", "sb/a/b/c", True),
        ("sb/#", "sb", True),
        ("#", "anything/at/all", True),
        ("sb/a", "sb/a/b", False),
        ("sb/+", "sb/", True),
        ("+", "sb/a", False),
        ("sb/#", "other/a", False),
    ],
)
def test_filters_match_as_mqtt_says(wanted: str, topic: str, heard: bool):
    assert matches(wanted, topic) is heard


def test_only_what_costs_much_to_repeat_is_subscribed_with_qos_1():
    qos = {wanted.split("/")[2]: subscription_qos(wanted) for wanted in shard_filters(5)}
    assert qos == {"up": 1, "state": 1, "beat": 0, "applied": 0}
    assert subscription_qos(down_topic("acme", "s0001")) == 0
