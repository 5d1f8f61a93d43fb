"""Forget a subject: its data keys go, and with them all that was sealed; every leaf, chain and proof stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import Refused
from tokentrail.ledger.archive.hashes import clear_archived
from tokentrail.ledger.drafts import own
from tokentrail.ledger.own_entry import SUBJECT_FORGOTTEN, append_own, find_log

CLEAR_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done: data keys deleted, the entry that says so, keyed hashes cleared, archived months included."""

    keys: int
    index: int
    hashes_cleared: int


def forget(
    settings: Settings, subject: str, reason: str, progress: Callable[[int], None] = lambda _n: None
) -> Forgotten:
    """Delete the subject's data keys and say so in the ledger, in one transaction; then clear keyed hashes.

    Writers see the raised key epoch under the head's lock and drop what they cached. May be repeated: what
    came in since is forgotten too, and clearing goes on where a run that died had stopped. Raises Refused
    under a legal hold.
    """
    if not subject:
        raise Refused("say whose data is to be forgotten: the subject is empty")
    with connect(settings, "retention") as conn:
        log_id = find_log(conn, settings.ledger_origin)
        try:
            row = conn.execute("select ledger.forget_subject(%s, %s)", (log_id, subject)).fetchone()
        except psycopg.errors.InsufficientPrivilege as error:
            if error.diag.message_primary != "a legal hold is on this subject":
                raise
            raise Refused(f"a legal hold is on {subject}: see `tokentrail hold list`, nothing was forgotten") from None
        keys = int(row[0]) if row else 0
        said = own(SUBJECT_FORGOTTEN, subject=subject, reason=reason, keys=keys)
        index = append_own(conn, settings, log_id, [said])
        conn.commit()
        cleared = _clear(conn, log_id, subject, progress)
    return Forgotten(keys, index, cleared + clear_archived(settings, subject))


def _clear(conn: psycopg.Connection, log_id: int, subject: str, progress: Callable[[int], None]) -> int:
    """Keyed hashes would let the holder of the search key try addresses: they go too, a batch at a time."""
    total = 0
    while True:
        row = conn.execute("select ledger.clear_hashes(%s, %s, %s)", (log_id, subject, CLEAR_AT_ONCE)).fetchone()
        conn.commit()
        done = int(row[0]) if row else 0
        if not done:
            return total
        total += done
        progress(done)
