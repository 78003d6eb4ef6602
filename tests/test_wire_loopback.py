"""What only the loopback broker can break; what it shares with MQTT stands in test_wire_link."""

import threading

from tests.test_wire_link import DOWN, STATE, UP, WAIT_S, Listener
from wire.link import Will
from wire.loopback import INBOX_MESSAGES_MAX, LoopbackBroker, LoopbackLink


def open_link(broker: LoopbackBroker, client_id: str, *subscriptions: str) -> Listener:
    return Listener(LoopbackLink(broker, client_id), subscriptions).open().until_up()


def test_a_slow_reader_holds_qos_1_back_and_loses_qos_0():
    broker = LoopbackBroker()
    release = threading.Event()
    slow = Listener(LoopbackLink(broker, "slow"), (UP,))

    def wait(topic: str, payload: bytes) -> None:
        assert release.wait(WAIT_S)
        slow.came(topic, payload)

    slow.open(wait).until_up()
    sender = open_link(broker, "sender")
    taken = 0
    while sender.link.publish(UP, b"%d" % taken, qos=1):
        taken += 1
        assert taken <= INBOX_MESSAGES_MAX + 1
    assert sender.link.publish(UP, b"lost", qos=0)
    release.set()
    slow.until(lambda: len(slow.messages) == taken)
    assert [payload for _, payload in slow.messages] == [b"%d" % n for n in range(taken)]
    sender.link.close()
    slow.link.close()


def test_a_broker_that_stops_publishes_no_will_and_keeps_what_is_retained():
    broker = LoopbackBroker()
    store = Listener(LoopbackLink(broker, "store"), (), [Will(topic=STATE, payload=b"will")])
    store.open().until_up()
    assert store.link.publish(STATE, b"birth", qos=1, retain=True)
    broker.stop()
    store.until_down()
    assert broker.retained == {STATE: b"birth"}
    broker.start()
    later = open_link(broker, "later", STATE)
    later.until(lambda: later.messages == [(STATE, b"birth")])
    store.link.close()
    later.link.close()


def test_an_empty_retained_message_forgets_the_one_before():
    broker = LoopbackBroker()
    store = open_link(broker, "store")
    store.link.publish(STATE, b"birth", qos=1, retain=True)
    store.link.publish(STATE, b"", qos=1, retain=True)
    assert broker.retained == {}
    store.link.close()


def test_a_link_closes_while_its_broker_is_stopped():
    broker = LoopbackBroker()
    broker.stop()
    link = LoopbackLink(broker, "store")
    Listener(link, (DOWN,)).open()
    assert not link.publish(UP, b"x")
    link.close()
    link.close()


def test_a_link_that_is_closed_while_it_connects_does_not_come_up():
    listener = Listener(LoopbackLink(LoopbackBroker(), "store"))
    asked = threading.Event()

    def close_meanwhile() -> None:
        listener.link.close()
        asked.set()

    listener.link.open(
        subscriptions=(),
        on_message=listener.came,
        on_up=lambda: listener.note("up"),
        on_down=lambda reason: listener.note("down", reason),
        will=close_meanwhile,
    )
    assert asked.wait(WAIT_S)
    listener.link.close()
    assert listener.calls == []


def test_a_second_link_with_the_same_name_pushes_the_first_out():
    broker = LoopbackBroker()
    first = open_link(broker, "store")
    second = LoopbackLink(broker, "store")
    other = Listener(second).open().until_up()
    first.until_down()
    first.link.close()
    other.link.close()
