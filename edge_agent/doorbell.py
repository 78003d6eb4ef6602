"""A bell that wakes those who wait for something new in the database."""

import threading


class Doorbell:
    """Wakes readers after a commit.

    It carries nothing: what is new stands in the database, and a lost ring costs its reader one
    poll interval.
    """

    def __init__(self) -> None:
        self._count = 0
        self._rung = threading.Condition()
        self._before: list[Doorbell] = []

    def first(self) -> "Doorbell":
        """Return a bell that rings just before this one does, and may be rung without it."""
        bell = Doorbell()
        self._before.append(bell)
        return bell

    @property
    def count(self) -> int:
        """Return how often the bell has been rung."""
        return self._count

    def ring(self) -> None:
        """Wake everybody who waits."""
        for bell in self._before:
            bell.ring()
        with self._rung:
            self._count += 1
            self._rung.notify_all()

    def wait(self, seen: int, timeout_s: float) -> int:
        """Wait until the bell has been rung more than `seen` times, and return how often it was.

        After `timeout_s` it returns the unchanged count.
        """
        with self._rung:
            self._rung.wait_for(lambda: self._count > seen, timeout_s)
            return self._count
