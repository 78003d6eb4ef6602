"""The inbox between socket and handlers holds back, keeps order and ends."""

import threading

from wire.inbox import Came, Inbox, Up

WAIT_S = 20.0


def came(number: int) -> Came:
    return Came("t", b"%d" % number, number, 1)


def test_items_leave_in_the_order_they_came():
    inbox = Inbox(10)
    inbox.put(Up())
    inbox.put(came(1))
    assert [inbox.take(), inbox.take()] == [Up(), came(1)]


def test_a_full_inbox_holds_its_writer_back_until_there_is_room():
    inbox = Inbox(2)
    third = threading.Event()

    def fill() -> None:
        for number in range(3):
            inbox.put(came(number))
        third.set()

    writer = threading.Thread(target=fill)
    writer.start()
    assert not third.wait(0.05)
    assert inbox.take() == came(0)
    assert third.wait(WAIT_S)
    writer.join()


def test_after_the_end_nothing_waits_and_what_is_inside_can_be_taken():
    inbox = Inbox(1)
    inbox.put(came(1))
    writer = threading.Thread(target=inbox.put, args=(came(2),))
    writer.start()
    inbox.end()
    writer.join(WAIT_S)
    assert not writer.is_alive()
    inbox.put(came(3))
    assert [inbox.take(), inbox.take(), inbox.take()] == [came(1), None, None]


def test_the_end_wakes_a_reader_who_waits():
    inbox = Inbox(1)
    taken: list[object] = []
    reader = threading.Thread(target=lambda: taken.append(inbox.take()))
    reader.start()
    inbox.end()
    reader.join(WAIT_S)
    assert taken == [None]
