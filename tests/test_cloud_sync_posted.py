import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.intake.posted import PostRefusedError, parse_post
from wire.codec import ROW_BYTES_MAX, encode_event
from wire.events import EVENT_KINDS, Line, Purchased, Viewed
from wire.identifiers import key_identifier

KEY = b"k" * 32
NOW = 1_795_000_000_000_000


def post(*events, now=NOW):
    payload = json.dumps({"events": list(events)}).encode()
    return parse_post(payload, source="web", key=KEY, now=now)


def an_event(**changes):
    return {
        "event_id": "e-1",
        "kind": "viewed",
        "occurred_at": "2026-11-18T10:00:00+08:00",
        "identifiers": [{"kind": "web", "value": "c0ffee"}],
        "body": {"product": "6901234567892"},
    } | changes


def faults_of(*events) -> dict[str, str]:
    with pytest.raises(PostRefusedError) as caught:
        post(*events)
    return {wrong.field: wrong.message for wrong in caught.value.wrong}


def test_a_posted_event_becomes_an_event_with_keyed_identifiers():
    (posted,) = post(an_event(brand="maru"))
    assert posted.event_id == "e-1"
    assert posted.event.body == Viewed(product="6901234567892")
    assert posted.event.identifiers == (key_identifier("web", "c0ffee", key=KEY),)
    assert posted.event.brand == "maru"
    assert posted.event.occurred_at == 1_794_967_200_000_000


def test_an_identifier_that_names_nobody_is_left_out_and_named_and_its_event_is_kept():
    shown = [
        {"kind": "phone", "value": "13800000000"},
        {"kind": "email", "value": "n/a"},
        {"kind": "web", "value": "c0ffee"},
    ]
    (posted,) = post(an_event(identifiers=shown))
    assert posted.event.identifiers == (key_identifier("web", "c0ffee", key=KEY),)
    assert [(each.field, each.message) for each in posted.ignored] == [
        (
            "events[0].identifiers[0]",
            "the phone identifier names nobody: a repeated character",
        ),
        ("events[0].identifiers[1]", "the email identifier names nobody: a placeholder"),
    ]


def test_an_order_brings_its_lines():
    body = {
        "order": "o1",
        "lines": [{"product": "p", "quantity": 2, "amount_cents": 500, "brand": "maru"}],
        "amount_cents": 500,
        "currency": "CNY",
    }
    (posted,) = post(an_event(kind="purchased", body=body))
    assert posted.event.body == Purchased("o1", (Line("p", 2, 500, "maru"),), 500, "CNY")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": ""}, "events[0].event_id"),
        ({"event_id": 7}, "events[0].event_id"),
        ({"event_id": "a\x00b"}, "events[0].event_id"),
        ({"kind": "veiwed"}, "events[0].kind"),
        ({"kind": "dwell", "body": {}}, "events[0].kind"),
        ({"occurred_at": "yesterday"}, "events[0].occurred_at"),
        ({"occurred_at": "2026-11-18T10:00:00"}, "events[0].occurred_at"),
        ({"occurred_at": "2036-11-18T10:00:00Z"}, "events[0].occurred_at"),
        ({"identifiers": [{"kind": "kiosk", "value": "k1"}]}, "events[0].identifiers[0]"),
        ({"identifiers": [{"kind": "phone", "value": "12"}]}, "events[0].identifiers[0]"),
        ({"identifiers": "web:1"}, "events[0].identifiers"),
        ({"body": {"produkt": "x"}}, "events[0].body.produkt"),
        ({"body": {"product": 6901234567892}}, "events[0].body.product"),
        ({"kind": "saved", "body": {}}, "events[0].body.product"),
        ({"colour": "red"}, "events[0].colour"),
        ({"occurred_at": "0001-01-01T00:00:00+23:59"}, "events[0].occurred_at"),
        ({"occurred_at": 2**64}, "events[0].occurred_at"),
        (
            {"kind": "watched", "body": {"content": "c", "watched_ms": 2**64}},
            "events[0].body.watched_ms",
        ),
        (
            {"kind": "watched", "body": {"content": "c", "watched_ms": -(2**63)}},
            "events[0].body.watched_ms",
        ),
        ({"kind": "searched", "body": {"query": "q" * 100_000}}, "events[0]"),
    ],
)
def test_a_wrong_field_is_named(change, field):
    assert field in faults_of(an_event(**change))


def test_a_wrong_line_of_an_order_is_named():
    body = {"order": "o", "lines": [{"product": "p"}], "amount_cents": 1, "currency": "CNY"}
    faults = faults_of(an_event(kind="purchased", body=body))
    assert set(faults) == {
        "events[0].body.lines[0].quantity",
        "events[0].body.lines[0].amount_cents",
    }


def test_every_wrong_event_of_a_post_is_named_at_once():
    faults = faults_of(an_event(kind="x"), an_event(), an_event(event_id=""))
    assert set(faults) == {"events[0].kind", "events[2].event_id"}


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["events", "event_id", "kind", "body", "identifiers", "occurred_at"]
                ),
                inner,
                max_size=4,
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_posted_is_read_or_refused(payload):
    with contextlib.suppress(PostRefusedError):
        parse_post(payload, source="web", key=KEY, now=NOW)


numbers = st.sampled_from([0, -1, 2**53, 2**63, 2**64, -(2**63) - 1, 10**40]) | st.integers()
BY_TYPE = {
    int: numbers,
    str: st.text() | st.just("q" * 9_000),
    bool: st.booleans(),
    tuple[Line, ...]: st.lists(st.deferred(lambda: fields_of(Line)), max_size=2),
}


def fields_of(struct: type) -> st.SearchStrategy:
    """Named fields of the types that the struct asks for, whatever their values."""
    known = {field.name: BY_TYPE.get(field.type) for field in msgspec.structs.fields(struct)}
    return st.fixed_dictionaries({name: each for name, each in known.items() if each is not None})


@given(
    st.sampled_from(sorted(EVENT_KINDS)).flatmap(
        lambda kind: st.tuples(st.just(kind), fields_of(EVENT_KINDS[kind]))
    )
)
def test_whatever_a_kind_is_posted_with_can_be_stored_or_is_refused(named):
    kind, body = named
    with contextlib.suppress(PostRefusedError):
        (posted,) = post(an_event(kind=kind, body=body))
        assert len(encode_event(posted.event)) <= ROW_BYTES_MAX
