"""The faults that strike a schedule, in one table."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from storebridge.simulation.rules import KEPT_MS

if TYPE_CHECKING:
    from storebridge.simulation.world import World

Fault = Callable[["World"], None]

FAULTS_MIN = 5
FAULTS_MAX = 10
CLONES_MAX = 1
ERASED_MAX = 12
# No fault strikes before there is something to break, nor so late that it changes nothing.
FIRST_MS, LAST_MS = 4_500, 78_000
# So many strike just before the end, when nothing that follows covers up what they did.
LATE_SHARE = 0.2
LATE_MS = 72_000


def _crash_store(world: "World") -> None:
    world.crash_store(world.any_store(), world.rng.randint(50, 5_000))


def _crash_cloud(world: "World") -> None:
    world.crash_cloud(world.rng.randint(50, 5_000))


def _crash_busy_cloud(world: "World") -> None:
    world.crash_cloud_when_busy = True


def _close_shop(world: "World") -> None:
    """Let nothing happen until all is received and pruned, then open again without a line."""
    store = world.any_store()
    world.closed_until_ms = world.now_ms + KEPT_MS + 8_000
    world.after(KEPT_MS + 2_000, lambda: world.cut(100))
    world.after(KEPT_MS + 6_500, lambda: world.cut(5_000))
    world.after(KEPT_MS + 7_000, lambda: world.crash_store(store, 100))


def _replace_worker(world: "World") -> None:
    world.crash_cloud(world.rng.randint(50, 2_000))
    world.take_over()


def _crash_broker(world: "World") -> None:
    world.crash_broker(world.rng.randint(50, 3_000))


def _cut(world: "World") -> None:
    world.cut(world.rng.randint(1_000, 20_000))


def _restore_cloud(world: "World") -> None:
    """Restore after a while of slow answers, so that some come from the time before."""
    world.storm(3_000, drop_share=0.0)
    world.after(world.rng.randint(500, 3_000), world.restore_cloud)


def _restore_unseen(world: "World") -> None:
    """Restore the cloud while a store is cut off for longer than it keeps what was received."""
    world.cut(KEPT_MS + 6_000)
    world.after(world.rng.randint(100, 5_000), world.restore_cloud)


def _restore_store(world: "World") -> None:
    world.restore_store(world.any_store())


def _clone_store(world: "World") -> None:
    if len(world.stores) <= CLONES_MAX:
        world.clone_store(world.stores[0])
    else:
        _crash_store(world)


def _evict(world: "World") -> None:
    store = world.any_store()
    store.rows_max = world.rng.randint(5, 40)
    world.after(world.rng.randint(1_000, 15_000), store.grow)


def _clone_full_store(world: "World") -> None:
    """Clone a store that soon has no room, on a line of which answers come late."""
    _clone_store(world)
    world.storm(12_000, drop_share=0.3)
    for store in world.stores:
        store.rows_max = world.rng.randint(3, 15)
        world.after(world.rng.randint(5_000, 15_000), store.grow)


def _damage(world: "World") -> None:
    world.any_store().damage(world.rng)


def _erase(world: "World") -> None:
    """Erase some events of a store one after the other, sent or not, while all else goes on."""
    store = world.any_store()
    for _ in range(world.rng.randint(1, ERASED_MAX)):
        world.after(world.rng.randint(0, 5_000), lambda: world.erase(store))


def _jump_clock(world: "World") -> None:
    world.any_store().wall_offset_ms += world.rng.choice((-1, 1)) * world.rng.randint(1, 10**8)


def _storm(world: "World") -> None:
    world.storm(world.rng.randint(1_000, 15_000), drop_share=0.3)


RESTARTS: dict[str, Fault] = {
    "crash_store": _crash_store,
    "crash_cloud": _crash_cloud,
    "crash_busy_cloud": _crash_busy_cloud,
    "replace_worker": _replace_worker,
    "crash_broker": _crash_broker,
    "restore_cloud": _restore_cloud,
    "restore_unseen": _restore_unseen,
    "restore_store": _restore_store,
}
FAULTS: dict[str, Fault] = {
    **RESTARTS,
    "close_shop": _close_shop,
    "cut": _cut,
    "clone_store": _clone_store,
    "clone_full_store": _clone_full_store,
    "evict": _evict,
    "damage": _damage,
    "jump_clock": _jump_clock,
    "storm": _storm,
}
# What strikes besides in every fifth schedule, so that the others stay what they were.
BESIDES: dict[str, Fault] = {"erase": _erase}
BESIDES_EVERY = 5


def plan_faults(world: "World") -> None:
    """Choose what strikes when: a restart at least, and enough of anything."""
    rng = world.rng
    names = [rng.choice(tuple(RESTARTS))]
    names += rng.choices(tuple(FAULTS), k=rng.randint(FAULTS_MIN, FAULTS_MAX) - 1)
    for name in names:
        first_ms = LATE_MS if rng.random() < LATE_SHARE else FIRST_MS
        _plan(world, rng.randint(first_ms, LAST_MS), name, FAULTS[name])
    if world.seed % BESIDES_EVERY == BESIDES_EVERY - 2:
        for name, fault in BESIDES.items():
            _plan(world, rng.randint(FIRST_MS, LAST_MS), name, fault)


def _plan(world: "World", at_ms: int, name: str, fault: Fault) -> None:
    def strike() -> None:
        world.faults[name] += 1
        fault(world)

    world.after(at_ms, strike)
