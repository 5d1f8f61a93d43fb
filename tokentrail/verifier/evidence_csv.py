"""The table of a pack against its entries: a cell that says other than the proved entry is an edit."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from tokentrail.verifier.leaf import Leaf

COLUMNS = (
    "index", "kafka_time", "occurred_at", "type", "event_id", "issuer", "subject", "client_id", "session_id", "jti",
    "ip", "user_agent", "device_id", "country", "city", "asn", "success", "failure_reason", "reason", "leaf_hash",
    "body",
)  # fmt: skip
# A spreadsheet takes cells that begin with these for formulas (OWASP ASVS 5.0 1.2.10).
LEADS = "=+-@\t\r\n\0"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def expected_row(index: int, leaf: Leaf, raw: bytes, state: str, event: dict[str, Any] | None) -> list[str]:
    """The row that an entry should have."""
    said = event or {}
    values = {
        **said,
        **(said.get("source") or {}),
        "index": index,
        "kafka_time": None if leaf.kafka_time is None else _time(leaf.kafka_time * 1000),
        "occurred_at": None if leaf.occurred_at is None else _time(leaf.occurred_at),
        "type": leaf.type,
        "event_id": None if leaf.event_id is None else str(uuid.UUID(bytes=leaf.event_id)),
        "issuer": leaf.issuer,
        "subject": leaf.subject,
        "client_id": leaf.client_id,
        "session_id": leaf.session_id,
        "jti": leaf.jti,
        "leaf_hash": base64.b64encode(hashlib.sha256(b"\x00" + raw).digest()).decode(),
        "body": state,
    }
    return [_cell(values.get(name)) for name in COLUMNS]


def table_problem(content: bytes, expected: list[list[str]]) -> str | None:
    """Where a CSV is not the expected table, in words."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return "entries.csv cannot be read"
    if not rows or rows[0] != list(COLUMNS):
        return "entries.csv has other columns"
    if len(rows) - 1 != len(expected):
        return f"entries.csv has {len(rows) - 1} rows, {len(expected)} entries match"
    for row, wanted in zip(rows[1:], expected, strict=True):
        if row != wanted:
            return f"entries.csv says other than the entry at index {wanted[0]}"
    return None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "'" + shown if text[:1] and text[0] in LEADS else shown


def _time(micros: int) -> str:
    return (EPOCH + timedelta(microseconds=micros)).isoformat()
