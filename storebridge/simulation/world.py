"""One schedule: a store, its clones, the broker and the cloud, under the faults of a seed."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from heapq import heappop, heappush

from edge_agent.delivery.delivery import Plan
from storebridge.simulation.cloud import SimulatedCloud
from storebridge.simulation.dice import Dice
from storebridge.simulation.faults import plan_faults
from storebridge.simulation.line import CALM, DELAY_MS_MAX, FAIR, Line
from storebridge.simulation.numbered import priced
from storebridge.simulation.rules import BACKUP_AGE_MS_MAX, Rules
from storebridge.simulation.seams import Disk, Ledger, Uplinked
from storebridge.simulation.store import ROWS_MAX, SimulatedStore
from storebridge.simulation.truth import Findings, Lineage, Truth
from wire.messages import Message

EVENTS_MIN = 200
FAULTY_MS = 80_000
CONVERGENCE_MS_MAX = 300_000
# Shoppers do a few things together, then for a while nothing.
BURST_MS = 1_200
BURST_EVENTS = (1, 1, 2, 3, 6, 12)
# A store and the cloud look so often for what is due; the product does once a second.
TICK_MS = 1_000
BACKUP_EVERY_MS = 4_000
COUPONS = tuple("ABCDEF")
KEYS = tuple(f"product-{number}" for number in range(8))


class World:
    """Everything that one seed brings about; the same seed brings about the same."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self.seed = seed
        self.rng = Dice(seed)
        self.now_ms = 0
        self.events = 0
        self.faults: Counter[str] = Counter()
        self.truth = Truth()
        self.rules = rules
        owner = self.rng.randbytes(8)
        self.owner_ranks = {owner: 0}
        self.ledger = rules.ledger(owner)
        self.cloud = SimulatedCloud(self.ledger, rules=rules, rng=self.rng, send=self._send_down)
        self.stores = [self._new_store(rules.disk(self.rng.randbytes(16)), Lineage())]
        self.stores[0].start(0)
        self.online: SimulatedStore | None = None
        self.broker_up = True
        self.broker_life = 0
        self.cut_until_ms = 0
        self.closed_until_ms = 0
        self.crash_cloud_when_busy = False
        self._line = FAIR
        self._storm = FAIR
        self._storm_until_ms = 0
        self._quiet = False
        self._steps: list[tuple[int, int, Callable[[], None]]] = []
        self._step = 0
        self._ledger_backups: list[tuple[int, Ledger]] = []
        self._disk_backups: list[tuple[Disk, Lineage]] = []

    def run(self) -> Findings:
        """Play the schedule to its end, wait until both ends agree, and compare."""
        self._arrange()
        self._play_until(FAULTY_MS)
        self._calm()
        while self.events < EVENTS_MIN:
            self._record_some()
            self._play_until(self.now_ms + TICK_MS)
        self._play_until(self.now_ms + DELAY_MS_MAX + 2_000)
        give_up_ms = self.now_ms + CONVERGENCE_MS_MAX
        while not self._agrees() and self.now_ms < give_up_ms:
            self._play_until(self.now_ms + TICK_MS)
        return self.truth.findings(
            self.ledger.events(),
            self.ledger.reported(),
            [store.lineage for store in self.stores],
            {store.state.stream for store in self.stores},
            list(self._disagreements()),
        )

    def dismantle(self) -> None:
        """Let go of everything; nothing can be asked of this world any more.

        Its parts refer back to it: it would lie about until somebody looks for garbage, which
        takes a twentieth of the time that worlds are played in.
        """
        self.__dict__.clear()

    def after(self, delay_ms: int, step: Callable[[], None]) -> None:
        """Do something later."""
        self._step += 1
        heappush(self._steps, (self.now_ms + delay_ms, self._step, step))

    def any_store(self) -> SimulatedStore:
        """Choose one of the machines."""
        return self.rng.choice(self.stores)

    # What happens of itself

    def _arrange(self) -> None:
        at = 0
        while at < FAULTY_MS:
            # Now and then the store is empty for a while.
            at += self.rng.randint(2_000, 15_000) if self.rng.random() < 0.03 else BURST_MS
            self.after(at + self.rng.randint(0, 500), self._record_some)
        for coupon in COUPONS:
            self._plan_redemption(coupon)
        for _ in range(25):
            self.after(self.rng.randint(0, FAULTY_MS), self._put)
        plan_faults(self)
        self.after(0, self._back_up)
        self.after(10, lambda: self.connect(self.stores[0]))
        self.after(TICK_MS, self._tick)

    def _record_some(self) -> None:
        store = self.any_store()
        if not store.running or self.now_ms < self.closed_until_ms:
            return
        before = self.events
        self.events += self.rng.choice(BURST_EVENTS)
        store.record(range(before + 1, self.events + 1), self.now_ms)
        store.make_room(self.now_ms)
        store.pump(self.now_ms)

    def _plan_redemption(self, coupon: str) -> None:
        """Let two tabs look at a coupon and tap it a moment later."""
        at = self.rng.randint(0, FAULTY_MS)
        for _ in range(2):
            self.after(at + self.rng.randint(0, 200), lambda: self._look(coupon))

    def _look(self, coupon: str) -> None:
        store = self.any_store()
        if store.running and not store.disk.redeemed(coupon):
            self.after(self.rng.randint(20, 300), lambda: self._tap(store, coupon))

    def _tap(self, store: SimulatedStore, coupon: str) -> None:
        if store.running:
            self.events += 1
            store.redeem(self.events, coupon, self.now_ms)
            store.pump(self.now_ms)

    def _put(self) -> None:
        if self.cloud.running:
            key = self.rng.choice(KEYS)
            gone = self.rng.random() < 0.2
            self.ledger.put(key, None if gone else priced(key, self.rng.randint(1, 10**6)))
            self.cloud.publish_updates(self.now_ms)

    def _tick(self) -> None:
        for store in self.stores:
            if store.running:
                store.tick(self.now_ms)
        if self.cloud.running:
            self.cloud.publish_updates(self.now_ms)
        self.after(TICK_MS, self._tick)

    def _back_up(self) -> None:
        if self._quiet:
            return
        self._ledger_backups.append((self.now_ms, self.ledger.copied()))
        store = self.any_store()
        self._disk_backups.append((store.disk.copied(), store.lineage.copied()))
        self.after(BACKUP_EVERY_MS, self._back_up)

    # What the faults do

    def crash_store(self, store: SimulatedStore, down_ms: int) -> None:
        """Stop a machine at once and start it again later."""
        self.take_offline(store)
        store.crash()
        self.after(down_ms, lambda: self._start_store(store))

    def restore_store(self, store: SimulatedStore) -> None:
        """Destroy a machine's disk and start it from an older backup."""
        disk, lineage = self.rng.choice(self._disk_backups)
        self.crash_store(store, self.rng.randint(100, 4_000))
        store.restore(disk.copied(), lineage.copied())

    def erase(self, store: SimulatedStore) -> None:
        """Erase some event of a machine that runs."""
        if store.running:
            store.erase(self.rng, self.now_ms)
            store.pump(self.now_ms)

    def clone_store(self, store: SimulatedStore) -> None:
        """Start a second machine from a copy of a disk, which believes to be the same store."""
        clone = self._new_store(store.disk.copied(), store.lineage.copied())
        self.stores.append(clone)
        clone.start(self.now_ms)
        self.connect(clone)

    def crash_cloud(self, down_ms: int) -> None:
        """Stop the cloud's worker at once and start another one later."""
        self.cloud.crash(self.now_ms)
        self.after(down_ms, self.cloud.start)

    def restore_cloud(self) -> None:
        """Put the cloud's database back to a backup; its shards get new owners."""
        youngest = [
            ledger
            for made_ms, ledger in self._ledger_backups
            if self.now_ms - made_ms <= BACKUP_AGE_MS_MAX
        ]
        self.crash_cloud(self.rng.randint(100, 4_000))
        self.truth.cloud_restored(self.ledger.events(), self.ledger.reported())
        self.ledger = self.rng.choice(youngest).copied()
        self.take_over()
        self.cloud.ledger = self.ledger

    def take_over(self) -> None:
        """Give the shard a new owner."""
        owner = self.rng.randbytes(8)
        self.owner_ranks[owner] = len(self.owner_ranks)
        self.ledger.take_over(owner)

    def crash_broker(self, down_ms: int) -> None:
        """Stop the broker: what it holds is gone, and nobody is connected."""
        self.broker_up = False
        self.broker_life += 1
        if self.online is not None:
            self.take_offline(self.online)
        self.after(down_ms, self._start_broker)

    def cut(self, for_ms: int) -> None:
        """Cut the line of the store."""
        self.cut_until_ms = self.now_ms + for_ms
        if self.online is not None:
            self.take_offline(self.online)

    def storm(self, for_ms: int, *, drop_share: float) -> None:
        """Slow, repeat and drop messages for a while."""
        self._storm = Line(drop_share, 0.2, 0.5)
        self._storm_until_ms = self.now_ms + for_ms

    def take_offline(self, store: SimulatedStore) -> None:
        """End a connection; the store comes back by itself."""
        if self.online is store:
            self.online = None
            store.disconnect()
            self.after(self.rng.randint(200, 4_000), lambda: self.connect(store))

    def connect(self, store: SimulatedStore) -> None:
        """Connect a store; one that has the same name is thrown out by the broker."""
        if self.online is store or not store.running:
            return
        if not self.broker_up or self.now_ms < self.cut_until_ms:
            self.after(self.rng.randint(500, 3_000), lambda: self.connect(store))
            return
        if self.online is not None:
            self.take_offline(self.online)
        self.online = store
        store.connect(self.now_ms, self.rng.randint(0, 5))

    def _start_store(self, store: SimulatedStore) -> None:
        if not store.running:
            store.start(self.now_ms)
            self.connect(store)

    def _start_broker(self) -> None:
        self.broker_up = True

    # How messages travel

    def _send_up(self, store: SimulatedStore, message: Message, plan: Plan | None) -> bool:
        if self.online is not store:
            return False
        if self.rules.puback_is_receipt and plan is not None:
            stream = store.state.stream
            self.after(5, lambda: self._puback(store, stream, plan))
        self._travel(self._arrive_up, message)
        return True

    def _send_down(self, message: Message) -> None:
        self._travel(self._arrive_down, message)

    def _travel(self, arrive: Callable[[Message, int], None], message: Message) -> None:
        line = self._storm if self.now_ms < self._storm_until_ms else self._line
        through_broker = partial(arrive, message, self.broker_life)
        for delay_ms in line.delays_ms(self.rng):
            self.after(delay_ms, through_broker)

    def _arrive_up(self, message: Message, broker_life: int) -> None:
        if self.broker_life != broker_life:
            return  # the broker forgot it
        if not self.cloud.running or not isinstance(message, Uplinked):
            return
        if self.cloud.receive(message, self.now_ms):
            self.after(self.rng.randint(2, 60), partial(self._commit, self.cloud.life))
        if self.crash_cloud_when_busy:
            self.crash_cloud_when_busy = False
            self.crash_cloud(self.rng.randint(50, 5_000))

    def _commit(self, life: int) -> None:
        if self.cloud.life == life:
            self.cloud.commit(self.now_ms)

    def _arrive_down(self, message: Message, broker_life: int) -> None:
        store = self.online
        if store is None or self.broker_life != broker_life:
            return
        before = store.state.owner
        store.receive(message, self.now_ms)
        ranks = self.owner_ranks
        if before and ranks[store.state.owner] < ranks[before]:
            self.truth.broken.append("a store went back to a former owner's word")

    def _puback(self, store: SimulatedStore, stream: bytes, plan: Plan) -> None:
        if self.online is store and store.state.stream == stream:
            store.on_puback(plan, self.now_ms)

    # The end

    def _calm(self) -> None:
        """Stop all faults and let everything run."""
        self._quiet = True
        self._line = self._storm = CALM
        self.cut_until_ms = self.closed_until_ms = 0
        self.crash_cloud_when_busy = False
        for store in self.stores:
            store.rows_max = ROWS_MAX

    def _disagreements(self) -> Iterator[str]:
        if not self._agrees():
            yield "the two ends do not agree after the faults stopped"
        if self.cloud.refused:
            yield "a store sent a Batch that contradicts itself"

    def _agrees(self) -> bool:
        return (
            self.cloud.running
            and all(
                store.running and store.state.watermark == store.state.head for store in self.stores
            )
            and all(
                self.ledger.state(store.state.stream).watermark == store.state.head
                and store.disk.view() == self.ledger.keys()
                for store in self.stores
            )
        )

    def _play_until(self, end_ms: int) -> None:
        steps = self._steps
        while steps and steps[0][0] <= end_ms:
            self.now_ms, _, step = heappop(steps)
            step()
        self.now_ms = end_ms

    def _new_store(self, disk: Disk, lineage: Lineage) -> SimulatedStore:
        return SimulatedStore(
            disk,
            lineage,
            rules=self.rules,
            truth=self.truth,
            random_bytes=self.rng.randbytes,
            send=self._send_up,
        )
