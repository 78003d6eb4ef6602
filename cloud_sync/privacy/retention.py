"""How long the cloud keeps what is about people: a line for each, and who deletes it.

`docs/privacy.md` shows the same table, and a test compares the two.
"""

from dataclasses import dataclass

from cloud_sync.channels import claims, refused
from cloud_sync.codes import member_tokens
from cloud_sync.console import people
from cloud_sync.decisions import visits
from cloud_sync.intake import ledger, quarantine
from cloud_sync.privacy import told


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One kind of data: the tables, for how long, and the chore that deletes it."""

    what: str
    tables: tuple[str, ...]
    kept_for: str
    chore: str


RETENTION: tuple[Kept, ...] = (
    Kept(
        what="profile: facts, identifiers, links, consents, coupons, and the events behind them",
        tables=(
            *("atom_*", "identifier", "link", "identity_word", "coupon", "coupon_act"),
            *("coupon_withdrawn", "point_spend", "order_told", "prepared", "ledger"),
            *("person_record", "join_proposal"),
        ),
        kept_for="`lapsed_days` after the shopper was last heard of, or until they are forgotten",
        chore="lapsed",
    ),
    Kept(
        what="what is to be counted or decided about somebody",
        tables=("interest_due", "identity_due", "shopper_due"),
        kept_for="until it was, some minutes",
        chore="",
    ),
    Kept(
        what="what other systems were told of a shopper, and are to be told, dead letters included",
        tables=("connector_told", "connector_due"),
        kept_for="until they have acknowledged that the shopper is gone",
        chore="lapsed",
    ),
    Kept(
        what="numbers and addresses that somebody typed, keyed, with the digest of the code",
        tables=("claim",),
        kept_for=f"{claims.KEPT_US // claims.HOUR_US} h",
        chore="claims",
    ),
    Kept(
        what="deliveries of other systems that could not be read, sealed",
        tables=("refused_delivery",),
        kept_for=f"{refused.KEPT_DAYS} days after they came, or were replayed",
        chore="refused_deliveries",
    ),
    Kept(
        what="what stores were told of a shopper",
        tables=("shopper_view", "downlink_key"),
        kept_for=f"{told.VIEWS_KEPT_DAYS} days after it was told",
        chore="views",
    ),
    Kept(
        what="visits, for leases of coupons",
        tables=("visit",),
        kept_for=f"{visits.KEPT_DAYS} days",
        chore="visits",
    ),
    Kept(
        what="ids of posted events, so that a repeat is known",
        tables=("seen",),
        kept_for=f"{ledger.SEEN_KEPT_DAYS} days",
        chore="seen",
    ),
    Kept(
        what="what could not be accepted: replayed entries, messages that nobody could read",
        tables=("quarantine",),
        kept_for=f"{quarantine.KEPT_DAYS} days",
        chore="quarantine",
    ),
    Kept(
        what="when a member was given tokens",
        tables=("token_pace",),
        kept_for=f"{member_tokens.BURST * member_tokens.PACE_S} s",
        chore="tokens",
    ),
    Kept(
        what="sign-ins of headquarters' people",
        tables=("console_sign_in", "console_attempt"),
        kept_for=f"until they end, {people.SIGN_IN_HOURS_MAX} h at most",
        chore="sign_ins",
    ),
    Kept(
        what="erasures that stores have answered",
        tables=("downlink_key",),
        kept_for=f"{told.ITEMS_KEPT_DAYS} days after the receipt",
        chore="erasures",
    ),
    Kept(
        what="marks of erased shoppers, and the stores' receipts",
        tables=("erasure", "erasure_mark", "erasure_store"),
        kept_for="as long as a backup may hold the shopper: without end",
        chore="",
    ),
)
