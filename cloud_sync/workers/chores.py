"""Chores: what the cloud forgets when its time is over, done by one worker at a time."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import psycopg
from psycopg import Connection

from cloud_sync import publisher
from cloud_sync.channels import claims, refused
from cloud_sync.codes import member_tokens
from cloud_sync.console import people
from cloud_sync.database import Database
from cloud_sync.decisions import visits
from cloud_sync.intake import ledger, quarantine
from cloud_sync.privacy import erasing, nightly, scrub, told
from cloud_sync.privacy.kept_apart import KeptApart, KeptApartError
from cloud_sync.privacy.lapsed import erase_lapsed
from cloud_sync.reports import kept_paths
from cloud_sync.review import proposals
from cloud_sync.review.comparing import Comparer
from cloud_sync.shoppers.graph import second_look

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
# A chore is done in parts, each its own transaction of about so many rows.
ROWS_PER_PART = 5_000
MINUTE_S = 60
HOUR_S = 3_600
DAY_S = 24 * HOUR_S
UTC = ZoneInfo("UTC")
LOST = (psycopg.OperationalError, psycopg.InterfaceError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """One chore: `forget` deletes up to so many rows whose time is over, and returns how many.

    One that only counts something anew returns 0; one that looks at something, at how much.
    """

    name: str
    every_s: int
    forget: Callable[[Connection, int], int]


CHORES: tuple[Chore, ...] = (
    Chore(name="seen", every_s=DAY_S, forget=ledger.forget_seen),
    Chore(name="sign_ins", every_s=HOUR_S, forget=people.forget_ended),
    Chore(name="downlink", every_s=DAY_S, forget=publisher.forget_removed),
    Chore(name="quarantine", every_s=DAY_S, forget=quarantine.forget_old),
    Chore(name="refused_deliveries", every_s=DAY_S, forget=refused.forget_old),
    Chore(name="claims", every_s=HOUR_S, forget=claims.forget_old),
    Chore(name="tokens", every_s=HOUR_S, forget=member_tokens.forget_paces),
    Chore(name="visits", every_s=DAY_S, forget=visits.forget_old),
    Chore(name="views", every_s=DAY_S, forget=told.forget_views),
    Chore(name="erasures", every_s=DAY_S, forget=told.forget_items),
    Chore(name="unanswered", every_s=HOUR_S, forget=told.tell_again),
    Chore(name="second_looks", every_s=MINUTE_S, forget=second_look.look_again),
    Chore(name="funnels", every_s=MINUTE_S, forget=kept_paths.count_due),
    Chore(name="proposals", every_s=HOUR_S, forget=proposals.expire),
)


def enlist(connection: Connection) -> None:
    """Make sure that each chore has its row."""
    connection.execute(
        "INSERT INTO chore (chore) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
        (sorted(each.name for each in CHORES),),
    )


def do_part(connection: Connection, chore: Chore, rows_max: int = ROWS_PER_PART) -> int:
    """Do a part of a chore that is due, and return how many rows were forgotten.

    Its row is the lease: whoever finds it locked leaves the chore to the other. It stays due until
    a part finds nothing more; if the transaction fails, it is due as before.
    """
    mine = connection.execute(
        "SELECT 1 FROM chore WHERE chore = %s AND due_at <= now() FOR UPDATE SKIP LOCKED",
        (chore.name,),
    ).fetchone()
    if mine is None:
        return 0
    forgotten = chore.forget(connection, rows_max)
    connection.execute(
        "UPDATE chore SET done_at = now(), forgotten = forgotten + %(forgotten)s,"
        " due_at = CASE WHEN %(forgotten)s > 0 THEN due_at"
        "  ELSE now() + make_interval(secs => %(every_s)s) END WHERE chore = %(chore)s",
        {"forgotten": forgotten, "every_s": chore.every_s, "chore": chore.name},
    )
    return forgotten


class Chores:
    """A thread that does the chores that are due, unless another worker does.

    Guarantees: each part commits alone; a database that is away is asked again at the next look.
    """

    def __init__(
        self,
        database: Database,
        *,
        apart: KeptApart | None = None,
        lapsed_days: int = 0,
        wipe_hour: int = nightly.NEVER,
        zone: ZoneInfo = UTC,
        comparer: Comparer | None = None,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """Without a list of erasures nobody is erased for not having been heard of for long.

        `wipe_hour` is an hour of the day in `zone`. Without a comparer no records are compared.
        """
        self._database = database
        self._apart = apart
        self._lapsed_days = lapsed_days
        self._wipe_hour = wipe_hour
        self._zone = zone
        self._comparer = comparer
        self._look_every_s = look_every_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chores", daemon=True)

    @property
    def alive(self) -> bool:
        """Tell whether the thread of `start` runs; it ends by `close`, or by our mistake."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Look for chores from now on."""
        self._thread.start()

    def close(self) -> None:
        """End after the part that is being done."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with self._database.ledger(0) as connection:
                    enlist(connection)
                for chore in CHORES:
                    self._do(chore)
                self._erase()
                self._compare()
            except LOST as error:
                _log.warning("chores wait for the database (%s)", type(error).__name__)
            except KeptApartError as error:
                _log.warning("chores: %s", error)
            self._closing.wait(self._look_every_s)

    def _erase(self) -> None:
        """Do what erasing leaves to a chore, and erase whose time is over."""
        now = time.time_ns() // 1000
        if self._apart is not None:
            ended = self._closing.is_set
            erase_lapsed(self._database, self._apart, self._lapsed_days, now, ended=ended)
        erasing.tell_stores(self._database)
        scrub.finish(self._database)
        nightly.wipe_at_night(self._database, self._wipe_hour, self._zone, now)

    def _compare(self) -> None:
        """Compare records that came by imports; who is exact is joined, who is likely proposed."""
        if self._comparer is None:
            return
        for tenant, done in self._comparer.compare_all(time.time_ns() // 1000).items():
            _log.info(
                "records of %s: %d compared, %d joined, %d proposed, %d left",
                *(tenant, done.compared, done.joined, done.proposed, done.left),
            )

    def _do(self, chore: Chore) -> None:
        forgotten = 0
        while not self._closing.is_set():
            # Planned anew each time: a chore may well have to read a whole table.
            with self._database.shopper("") as connection:
                part = do_part(connection, chore)
            if not part:
                break
            forgotten += part
        if forgotten:
            _log.info("chore %s: %d rows forgotten", chore.name, forgotten)
