"""Where an archived month lies and what its files hold (docs/retention.md).

ARCHIVE_DIR/<log_id>-<origin>/<YYYY-MM>/
    entries.parquet   the columns of ledger.entry as they were, without the keyed hashes, by index
    hashes.parquet    index, ip_hash, device_hash: apart, so that forgetting a subject can take them away
    tiles.parquet     the tiles that cover the month (C2SP tlog-tiles)
    checkpoint.txt    a signed note over a tree that holds the whole month
    manifest.json     range, chain hashes, proof of the range to the checkpoint, SHA-256 of each file
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from psycopg import Connection
from psycopg.rows import class_row

from tokentrail.config import Settings
from tokentrail.errors import NotFound

ENTRIES, HASHES, TILES = "entries.parquet", "hashes.parquet", "tiles.parquet"
CHECKPOINT, MANIFEST = "checkpoint.txt", "manifest.json"
ROWS_A_GROUP = 8192

_TIME = pa.timestamp("us", tz="UTC")
ENTRY_SCHEMA = pa.schema(
    [
        ("log_id", pa.int32()), ("index", pa.int64()), ("topic", pa.string()), ("partition", pa.int32()),
        ("offset", pa.int64()), ("kafka_time", _TIME), ("event_id", pa.binary(16)), ("type", pa.string()),
        ("issuer", pa.string()), ("issuer_stream", pa.string()), ("issuer_seq", pa.int64()),
        ("subject", pa.string()), ("client_id", pa.string()), ("session_id", pa.string()), ("jti", pa.string()),
        ("occurred_at", _TIME), ("schema_id", pa.int32()), ("key_id", pa.int64()), ("leaf", pa.binary()),
        ("leaf_hash", pa.binary(32)), ("chain_hash", pa.binary(32)), ("body", pa.binary()), ("appended_at", _TIME),
    ]
)  # fmt: skip
HASH_SCHEMA = pa.schema([("index", pa.int64()), ("ip_hash", pa.binary()), ("device_hash", pa.binary())])
TILE_SCHEMA = pa.schema([("level", pa.int16()), ("n", pa.int64()), ("root", pa.binary(32)), ("hashes", pa.binary())])


@dataclass(frozen=True, slots=True)
class ArchivedRange:
    """A row of ledger.archived_range; the times are the least and greatest kafka_time within."""

    log_id: int
    month: date
    first_index: int
    last_index: int
    first_time: datetime | None
    last_time: datetime | None
    location: str
    manifest_hash: bytes
    pruned_at: datetime | None


def archive_dir(settings: Settings) -> Path:
    """TOKENTRAIL_ARCHIVE_DIR, or `archive` in the state directory."""
    return settings.archive_dir or settings.state_dir / "archive"


def location(log_id: int, origin: str, month: date) -> str:
    """A month's directory, relative to the archive directory."""
    return f"{log_id}-{re.sub('[^A-Za-z0-9.-]', '_', origin)}/{month:%Y-%m}"


def archived_ranges(conn: Connection[Any], log_id: int) -> list[ArchivedRange]:
    """The log's archived months, oldest first; pruned ones too.

    Hold `lock table ledger.entry in access share mode` before this, or a month may move in between.
    """
    with conn.cursor(row_factory=class_row(ArchivedRange)) as cursor:
        return cursor.execute(
            """select log_id, month, first_index, last_index, first_time, last_time, location, manifest_hash, pruned_at
            from ledger.archived_range where log_id = %s order by first_index""",
            (log_id,),
        ).fetchall()


def place_of(settings: Settings, range_: ArchivedRange) -> Path:
    """The directory of an archived month. Raises NotFound naming the variable if it is not there."""
    place = archive_dir(settings) / range_.location
    if not (place / ENTRIES).is_file():
        raise NotFound(f"the archive of {range_.month:%Y-%m} is not at {place}: set TOKENTRAIL_ARCHIVE_DIR")
    return place


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Make a file or directory durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
