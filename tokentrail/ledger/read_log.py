"""Reading the ledger is itself on record: a LedgerRead event for every search and export (fault A29)."""

from __future__ import annotations

import json
from typing import Any

from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.ledger.query import Query
from tokentrail.ledger.seal import master_keys
from tokentrail.ledger.search_key import search_keys


def record_read(
    conn: Connection[Any],
    settings: Settings,
    *,
    reader: str | None,
    purpose: str | None,
    query: Query | str,
    rows: int,
    **more: str,
) -> None:
    """Queue a LedgerRead in the caller's transaction; the ledger writer's relay publishes it.

    `reader` is who the caller says to be (TOKENTRAIL_READER); the database's login is always named with
    it. An address in the query is recorded as its keyed hash: an outbox is not sealed. `more` goes beside
    the query's conditions, such as the hash of what was exported.
    """
    asked = query if isinstance(query, str) else json.dumps(_sealed(conn, settings, query) | more, sort_keys=True)
    conn.execute("select ledger.record_read(%s, %s, %s, %s)", (reader or settings.reader, purpose, asked, rows))


def _sealed(conn: Connection[Any], settings: Settings, query: Query) -> dict[str, Any]:
    asked = query.as_dict()
    if query.ip is not None:
        row = conn.execute("select log_id from ledger.log where origin = %s", (settings.ledger_origin,)).fetchone()
        keys = search_keys(conn, row[0], master_keys(settings)) if row and settings.data_key else []
        asked["ip"] = f"keyed hash {keys[0].hash('ip', query.ip).hex()}" if keys else "withheld"
    return asked
