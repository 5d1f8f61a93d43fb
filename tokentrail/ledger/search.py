"""Search the ledger by what a compliance officer knows: person, token, session, client, address, type, time.

What was archived is searched like the rest; whoever searches is recorded in the ledger (read_log).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC
from typing import Any, ClassVar

from psycopg import Connection
from psycopg.rows import namedtuple_row

from tokentrail.config import Settings
from tokentrail.errors import ConfigError
from tokentrail.ledger.archive.layout import archived_ranges
from tokentrail.ledger.archive.read import find
from tokentrail.ledger.opened import Opened, Opener
from tokentrail.ledger.own_entry import find_log
from tokentrail.ledger.query import Query
from tokentrail.ledger.read_log import record_read
from tokentrail.ledger.seal import master_keys
from tokentrail.ledger.search_key import search_keys

__all__ = ["Found", "Query", "find_rows", "search_entries"]

COLUMNS = (
    'index, kafka_time, occurred_at, topic, partition, "offset", event_id, type, issuer, issuer_stream, issuer_seq, '
    "subject, client_id, session_id, jti, schema_id, key_id, leaf, leaf_hash, chain_hash, body"
)
PUBLIC = (
    "index", "kafka_time", "occurred_at", "topic", "partition", "offset", "event_id", "type", "issuer",
    "issuer_stream", "issuer_seq", "subject", "client_id", "session_id", "jti", "schema_id", "leaf", "leaf_hash",
    "chain_hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """An entry as found: the public columns, and the event where its body could be opened.

    `body` says whether it could: open, forgotten (its key was destroyed), sealed (its key is not here) or
    changed (it does not open under its key: `tokentrail verify` says more).
    """

    CSV_FIELDS: ClassVar[tuple[str, ...]] = (
        "index", "kafka_time", "occurred_at", "type", "event_id", "issuer", "subject", "client_id", "session_id",
        "jti", "ip", "user_agent", "device_id", "country", "city", "asn", "success", "failure_reason", "reason",
        "leaf_hash", "body",
    )  # fmt: skip

    columns: dict[str, Any]
    event: dict[str, Any] | None
    body: str

    @classmethod
    def of(cls, row: Any, opened: Opened) -> Found:
        """From a row of the table or the archive."""
        columns = {name: getattr(row, name) for name in PUBLIC}
        for name in ("leaf", "leaf_hash", "chain_hash"):
            columns[name] = base64.b64encode(bytes(columns[name])).decode()
        for name in ("kafka_time", "occurred_at"):
            columns[name] = columns[name].astimezone(UTC).isoformat() if columns[name] else None
        columns["event_id"] = str(columns["event_id"]) if columns["event_id"] else None
        return cls(columns, opened.event, opened.state)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: columns, then `event` (null where it cannot be read) and `body`."""
        return {**self.columns, "event": self.event, "body": self.body}

    def flat(self) -> dict[str, Any]:
        """Columns and the event's fields in one level, for tables."""
        event = self.event or {}
        return {**event, **(event.get("source") or {}), **self.columns, "body": self.body}


def address_hashes(conn: Connection[Any], settings: Settings, log_id: int, query: Query) -> list[bytes]:
    """What an address is looked up by; nothing if the query names none."""
    if query.ip is None:
        return []
    if settings.data_key is None:
        raise ConfigError("search by address needs TOKENTRAIL_DATA_KEY: addresses are stored as keyed hashes")
    return [key.hash("ip", query.ip) for key in search_keys(conn, log_id, master_keys(settings))]


def find_rows(conn: Connection[Any], settings: Settings, log_id: int, query: Query) -> list[Any]:
    """Rows that match, newest first, from the table and then from the archived months before it."""
    hashes = address_hashes(conn, settings, log_id, query)
    where, values = query.conditions(hashes)
    # No month can move from the table to the archive between the two looks.
    conn.execute("lock table ledger.entry in access share mode")
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        rows: list[Any] = cursor.execute(
            f"select {COLUMNS} from ledger.entry where log_id = %s{where} order by index desc limit %s",  # noqa: S608
            (log_id, *values, query.limit),
        ).fetchall()
    for range_ in reversed(archived_ranges(conn, log_id)):
        if len(rows) >= query.limit:
            break
        if range_.pruned_at is None:
            rows += find(settings, range_, query, hashes, query.limit - len(rows))
    return rows


def search_entries(
    conn: Connection[Any], settings: Settings, query: Query, *, reader: str | None = None, purpose: str | None = None
) -> list[Found]:
    """Entries that match, newest first. The read is on record before anything is returned."""
    log_id = find_log(conn, settings.ledger_origin)
    rows = find_rows(conn, settings, log_id, query)
    opened = Opener(conn, settings, log_id).open(rows)
    record_read(conn, settings, reader=reader, purpose=purpose, query=query, rows=len(rows))
    conn.commit()
    return [Found.of(row, one) for row, one in zip(rows, opened, strict=True)]
