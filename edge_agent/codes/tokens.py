"""Tokens: signed codes that hold for a short time and count once in a store, also offline.

A store's clock may be wrong by hours, so it is not alone in judging: every token that counted
proves that its time of issue has come. What is older than that by more than its lifetime has
expired, whatever the clock says; and a token is remembered until then, so that no clock and no
restart lets it count a second time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edge_agent.clock import Instant
from edge_agent.delivery.recorder import Writing
from wire.events import Clock
from wire.signed import SignedCode

# How far the store's clock may differ from the signer's, by how far it may be trusted; one that
# may not be says nothing about age.
SKEW_S: Mapping[Clock, int] = {Clock.SYNCED: 60, Clock.FREE: 300}
# How far the clocks of two machines that sign with the same key may differ.
PROVEN_SKEW_S = 300
# Tokens of one signer that a store remembers; a further one is refused until others have expired.
TOKENS_SEEN_MAX = 100_000
# Expired ones forgotten in one commit, so that a recording waits a few milliseconds at most.
FORGOTTEN_MAX = 1_000

Verdict = Literal["", "token_expired", "token_early", "token_used", "tokens_full"]
# A token for which there is no room is sound all the same, and its time lets others expire.
PROVING: frozenset[Verdict] = frozenset({"", "tokens_full"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a store knows of a token's signer: the latest proven time, and what it has seen."""

    proven_s: int = 0
    remembered: int = 0
    seen: bool = False


def judge(token: SignedCode, instant: Instant, known: Known) -> Verdict:
    """Say why a signed code that holds for a time does not count; empty when it does."""
    now_s, skew_s = instant.at // 1_000_000, SKEW_S.get(instant.quality)
    expires_s = token.issued_at_s + token.lifetime_s
    if skew_s is not None and token.issued_at_s > now_s + skew_s:
        return "token_early"
    too_old = skew_s is not None and expires_s + skew_s < now_s
    if too_old or expires_s + PROVEN_SKEW_S < known.proven_s:
        return "token_expired"
    if not token.is_token:
        return ""
    if known.seen:
        return "token_used"
    return "tokens_full" if known.remembered >= TOKENS_SEEN_MAX else ""


def take(writing: Writing, instant: Instant, code: SignedCode) -> Verdict:
    """Judge a signed code, and remember a token that counts, in the caller's transaction."""
    if not code.lifetime_s:
        return ""
    if code.is_token:
        _forget_expired(writing, code.signer)
    verdict = judge(code, instant, _known(writing, code))
    if verdict in PROVING and code.is_token:
        counts = verdict == ""
        writing.execute(
            "INSERT INTO token_signers (signer, proven_s, remembered) VALUES (?, ?, ?)"
            " ON CONFLICT (signer) DO UPDATE SET proven_s = max(proven_s, excluded.proven_s),"
            " remembered = remembered + excluded.remembered",
            (code.signer, code.issued_at_s, int(counts)),
        )
        if counts:
            writing.execute(
                "INSERT INTO tokens_seen (signer, number, expires_s) VALUES (?, ?, ?)",
                (code.signer, code.number, code.expires_at_s),
            )
    return verdict


def _known(writing: Writing, code: SignedCode) -> Known:
    row = writing.execute(
        "SELECT proven_s, remembered, EXISTS (SELECT 1 FROM tokens_seen"
        " WHERE tokens_seen.signer = token_signers.signer AND number = ?)"
        " FROM token_signers WHERE signer = ?",
        (code.number, code.signer),
    ).fetchone()
    if row is None:
        return Known()
    proven_s, remembered, seen = row
    return Known(proven_s=proven_s, remembered=remembered, seen=bool(seen))


def _forget_expired(writing: Writing, signer: bytes) -> None:
    """Forget tokens that `judge` would refuse for their age whatever the clock says."""
    gone = writing.execute(
        "DELETE FROM tokens_seen WHERE rowid IN (SELECT rowid FROM tokens_seen WHERE signer = ?1"
        " AND expires_s < (SELECT proven_s FROM token_signers WHERE signer = ?1) - ?2 LIMIT ?3)",
        (signer, PROVEN_SKEW_S, FORGOTTEN_MAX),
    ).rowcount
    if gone:
        writing.execute(
            "UPDATE token_signers SET remembered = remembered - ? WHERE signer = ?", (gone, signer)
        )
