"""Entries that the ledger makes about itself outside the writer: what was forgotten, held, archived, pruned."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.errors import NotFound
from tokentrail.ledger.append import Appender
from tokentrail.ledger.leaf import Draft
from tokentrail.ledger.seal import KeyRing, master_keys
from tokentrail.ledger.sealer import Sealer
from tokentrail.ledger.search_key import writing_key

SUBJECT_FORGOTTEN = "SubjectForgotten"
HOLD_PLACED = "LegalHoldPlaced"
HOLD_RELEASED = "LegalHoldReleased"
KEYS_REWRAPPED = "KeysRewrapped"
ARCHIVED = "Archived"
PRUNED = "Pruned"


def find_log(conn: Connection[Any], origin: str) -> int:
    """The id of the log with this origin. Raises NotFound."""
    row = conn.execute("select log_id from ledger.log where origin = %s", (origin,)).fetchone()
    if row is None:
        raise NotFound(f"there is no log {origin}: start `tokentrail ledger-writer`, or set TOKENTRAIL_LEDGER_ORIGIN")
    return int(row[0])


def append_own(conn: Connection[Any], settings: Settings, log_id: int, said: list[Draft]) -> int:
    """Append to the log in the caller's transaction; returns the index of the first entry.

    Sealed under the log's own key, so that forgetting a subject does not forget why.
    """
    masters = master_keys(settings)
    sealer = Sealer(KeyRing(conn, log_id, masters), writing_key(conn, log_id, masters))
    sealed = sealer.seal(said)
    appender = Appender(log_id)
    head = appender.lock_head(conn)
    appender.append(conn, head, sealed)
    return head.size
