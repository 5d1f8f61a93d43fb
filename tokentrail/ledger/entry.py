"""One entry, by index, wherever it lies; the read is on record like a search."""

from __future__ import annotations

import json
from typing import Any

from psycopg import Connection
from psycopg.rows import namedtuple_row

from tokentrail.config import Settings
from tokentrail.errors import NotFound
from tokentrail.ledger.archive.layout import archived_ranges
from tokentrail.ledger.archive.read import by_index
from tokentrail.ledger.opened import Opener
from tokentrail.ledger.read_log import record_read
from tokentrail.ledger.search import COLUMNS, Found


def read_entry(
    conn: Connection[Any], settings: Settings, log_id: int, index: int, *, reader: str, purpose: str | None = None
) -> Found:
    """The entry with its event where that can be opened. Raises NotFound. Commits the record of the read."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        rows: list[Any] = cursor.execute(
            f"select {COLUMNS} from ledger.entry where log_id = %s and index = %s",  # noqa: S608 - our columns
            (log_id, index),
        ).fetchall()
    if not rows:
        rows = _archived(conn, settings, log_id, index)
    if not rows:
        raise NotFound(f"there is no entry {index} here")
    opened = Opener(conn, settings, log_id).open(rows[:1])[0]
    record_read(conn, settings, reader=reader, purpose=purpose, query=json.dumps({"index": index}), rows=1)
    conn.commit()
    return Found.of(rows[0], opened)


def _archived(conn: Connection[Any], settings: Settings, log_id: int, index: int) -> list[Any]:
    for range_ in archived_ranges(conn, log_id):
        if range_.pruned_at is None and range_.first_index <= index <= range_.last_index:
            return [row for batch in by_index(settings, range_, index, index) for row in batch]
    return []
