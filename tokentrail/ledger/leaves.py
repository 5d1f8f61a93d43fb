"""Leaves by index, wherever they lie by now: in the table or in an archived month."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.errors import NotFound
from tokentrail.ledger.archive.layout import archived_ranges
from tokentrail.ledger.archive.read import by_event_id, by_index
from tokentrail.ledger.drafts import CONFLICT


def read_leaves(conn: Connection[Any], settings: Settings, log_id: int, first: int, end: int) -> list[bytes]:
    """The leaves of entries first..end-1. Raises NotFound if one is neither in the table nor in the archive."""
    query = "select index, leaf from ledger.entry where log_id = %s and index >= %s and index < %s"
    found = {index: bytes(leaf) for index, leaf in conn.execute(query, (log_id, first, end))}
    if len(found) < end - first:
        for range_ in archived_ranges(conn, log_id):
            if range_.pruned_at is None and range_.first_index < end and range_.last_index >= first:
                for rows in by_index(settings, range_, first, end - 1):
                    found.update((row.index, row.leaf) for row in rows)
    missing = [index for index in range(first, end) if index not in found]
    if missing:
        raise NotFound(f"entry {missing[0]} is not here: it was pruned, removed, or never was")
    return [found[index] for index in range(first, end)]


def index_of(conn: Connection[Any], settings: Settings, log_id: int, event_id: UUID) -> int:
    """The index of an event's entry; of a conflict, the entry that was first. Raises NotFound."""
    row = conn.execute(
        "select index from ledger.entry where log_id = %s and event_id = %s order by type = %s, index limit 1",
        (log_id, event_id, CONFLICT),
    ).fetchone()
    if row is not None:
        return int(row[0])
    for range_ in archived_ranges(conn, log_id):
        if range_.pruned_at is None:
            rows = by_event_id(settings, range_, event_id)
            if rows:
                return int(min(rows, key=lambda row: (row.type == CONFLICT, row.index)).index)
    raise NotFound(f"no entry holds event {event_id}")
