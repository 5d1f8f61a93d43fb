"""Legal holds: while one stands, its subject is neither forgotten nor pruned (45 CFR 164.316, FRCP 37(e))."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import NotFound, Refused
from tokentrail.ledger.drafts import own
from tokentrail.ledger.own_entry import HOLD_PLACED, HOLD_RELEASED, append_own, find_log


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as placed; released holds stay on record."""

    hold_id: int
    subject: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None


def place_hold(settings: Settings, subject: str, reason: str) -> int:
    """Place a hold and say so in the ledger; returns the entry's index. Raises Refused if one stands."""
    with connect(settings, "retention") as conn:
        log_id = find_log(conn, settings.ledger_origin)
        try:
            conn.execute(
                "insert into ledger.legal_hold (log_id, subject, reason) values (%s, %s, %s)", (log_id, subject, reason)
            )
        except psycopg.errors.UniqueViolation:
            raise Refused(f"{subject} is under a legal hold already") from None
        return append_own(conn, settings, log_id, [own(HOLD_PLACED, subject=subject, reason=reason)])


def release_hold(settings: Settings, subject: str, reason: str) -> int:
    """End a hold and say so in the ledger; returns the entry's index. Raises NotFound if none stands."""
    with connect(settings, "retention") as conn:
        log_id = find_log(conn, settings.ledger_origin)
        released = conn.execute(
            """update ledger.legal_hold set released_by = session_user, released_at = now()
            where log_id = %s and subject = %s and released_at is null""",
            (log_id, subject),
        )
        if not released.rowcount:
            raise NotFound(f"there is no legal hold on {subject}")
        return append_own(conn, settings, log_id, [own(HOLD_RELEASED, subject=subject, reason=reason)])


def holds(settings: Settings, *, all_: bool = False) -> list[Hold]:
    """Holds that stand, oldest first; with `all_` also those released."""
    with connect(settings, "reader") as conn, conn.cursor(row_factory=class_row(Hold)) as cursor:
        return cursor.execute(
            """select hold_id, subject, reason, placed_by, placed_at, released_by, released_at
            from ledger.legal_hold
            where log_id = (select log_id from ledger.log where origin = %s) and (%s or released_at is null)
            order by hold_id""",
            (settings.ledger_origin, all_),
        ).fetchall()
