"""Write one month of one log to Parquet, and read it back against the table before anybody relies on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import Connection

from tokentrail.errors import Refused, TokentrailError
from tokentrail.ledger.archive.layout import (
    CHECKPOINT,
    ENTRIES,
    ENTRY_SCHEMA,
    HASH_SCHEMA,
    HASHES,
    MANIFEST,
    ROWS_A_GROUP,
    TILE_SCHEMA,
    TILES,
    file_hash,
    location,
    sync,
)
from tokentrail.ledger.checkpoints import newest
from tokentrail.ledger.leaf import chain_hash, leaf_hash
from tokentrail.ledger.range_proof import range_proof
from tokentrail.ledger.stored_tree import StoredTree

COLUMNS = [f'"{name}"' if name == "offset" else name for name in ENTRY_SCHEMA.names]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a log as it lies in the table."""

    log_id: int
    origin: str
    month: date
    first_index: int
    last_index: int
    chain_before: bytes
    chain_hash: bytes
    first_time: datetime | None
    last_time: datetime | None

    @property
    def next(self) -> date:
        """The first day of the month after."""
        return date(self.month.year + self.month.month // 12, self.month.month % 12 + 1, 1)


def write_month(conn: Connection[Any], base: Path, month: Month, progress: Progress) -> str:
    """Write the month's files under `base`; returns SHA-256 of its manifest, hex.

    A directory that a run left behind is checked and taken if it is whole, else made anew: it becomes
    visible by one rename, when it is complete and durable. Raises TokentrailError if what was written
    is not what the table holds.
    """
    place = base / location(month.log_id, month.origin, month.month)
    partial = place.with_name(place.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    if place.exists():
        try:
            check_month(conn, place, month)
            return file_hash(place / MANIFEST)
        except (TokentrailError, OSError, ValueError, KeyError):
            shutil.rmtree(place)
    partial.mkdir(parents=True)
    with conn.transaction():
        _write_rows(conn, partial, month)
        progress("entries")
        _write_tiles(conn, partial, month)
        _write_manifest(conn, partial, month)
    progress("written")
    for path in [*partial.iterdir(), partial]:
        sync(path)
    check_month(conn, partial, month)
    progress("checked")
    partial.rename(place)
    sync(place.parent)
    progress("named")
    return file_hash(place / MANIFEST)


def batches(conn: Connection[Any], month: Month) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The month's rows as (entries, keyed hashes), ROWS_A_GROUP at a time. A transaction must be open."""
    with conn.cursor(name="tokentrail_archive", binary=True) as cursor:
        cursor.execute(
            f"""select {", ".join(COLUMNS)}, ip_hash, device_hash from ledger.entry
            where log_id = %s and appended_at >= %s and appended_at < %s order by index""",  # noqa: S608 - our columns
            (month.log_id, _midnight(month.month), _midnight(month.next)),
        )
        at = ENTRY_SCHEMA.names.index("event_id")
        while rows := cursor.fetchmany(ROWS_A_GROUP):
            columns = [list(column) for column in zip(*rows, strict=True)]
            columns[at] = [value.bytes if isinstance(value, UUID) else None for value in columns[at]]
            index = columns[ENTRY_SCHEMA.names.index("index")]
            entries = pa.table(columns[:-2], schema=ENTRY_SCHEMA)
            keyed = [(i, ip, device) for i, ip, device in zip(index, *columns[-2:], strict=True) if ip or device]
            hashes = pa.table([list(c) for c in zip(*keyed, strict=True)] or [[], [], []], schema=HASH_SCHEMA)
            yield entries, hashes


def check_month(conn: Connection[Any], place: Path, month: Month) -> None:
    """Read everything back and compare with the table, row by row. Raises TokentrailError on any difference."""
    manifest = json.loads((place / MANIFEST).read_text())
    if any(file_hash(place / name) != said for name, said in manifest["files"].items()):
        raise TokentrailError(f"a file of {place} is not what its manifest says: is the disk sound?")
    entries, hashes = pq.ParquetFile(place / ENTRIES), []
    with conn.transaction():
        groups = 0
        for stored, keyed in batches(conn, month):
            if groups >= entries.num_row_groups or not entries.read_row_group(groups).equals(stored):
                raise TokentrailError(f"{place / ENTRIES} is not what the table holds: is the disk sound?")
            hashes.append(keyed)
            groups += 1
    if groups != entries.num_row_groups or not pq.read_table(place / HASHES).equals(pa.concat_tables(hashes)):
        raise TokentrailError(f"{place} is not what the table holds: is the disk sound?")


def _write_rows(conn: Connection[Any], place: Path, month: Month) -> None:
    options: dict[str, Any] = {"compression": "zstd", "write_page_index": True}
    expected, chain = month.first_index, month.chain_before
    with (
        pq.ParquetWriter(place / ENTRIES, ENTRY_SCHEMA, **options) as entries,
        pq.ParquetWriter(place / HASHES, HASH_SCHEMA, **options) as hashes,
    ):
        for stored, keyed in batches(conn, month):
            index = stored["index"]
            if index[0].as_py() != expected or index[-1].as_py() != expected + len(index) - 1:
                raise Refused(f"{month.month:%Y-%m} lacks an entry near {expected}: run `tokentrail verify`")
            expected += len(index)
            chain = _linked(stored, chain)
            entries.write_table(stored, row_group_size=ROWS_A_GROUP)
            hashes.write_table(keyed)
    if expected != month.last_index + 1 or chain != month.chain_hash:
        raise Refused(f"{month.month:%Y-%m} ends at {expected - 1} and not {month.last_index}: run `tokentrail verify`")


def _linked(stored: pa.Table, chain: bytes) -> bytes:
    """The chain hash after these rows. Raises Refused at the first that was tampered with: it must not be moved."""
    columns = [stored[name].to_pylist() for name in ("index", "leaf", "leaf_hash", "chain_hash")]
    for index, leaf, said, linked in zip(*columns, strict=True):
        hashed = leaf_hash(leaf)
        chain = chain_hash(chain, hashed)
        if said != hashed or linked != chain:
            raise Refused(f"entry {index} is not what was appended: run `tokentrail verify`; nothing was moved")
    return chain


def _write_tiles(conn: Connection[Any], place: Path, month: Month) -> None:
    rows = conn.execute(
        """select level, n, root, hashes from ledger.tile
        where log_id = %s and (n + 1) << (8 * (level + 1)) > %s and n << (8 * (level + 1)) <= %s order by level, n""",
        (month.log_id, month.first_index, month.last_index),
    ).fetchall()
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    pq.write_table(pa.table(columns, schema=TILE_SCHEMA), place / TILES, compression="zstd")


def _write_manifest(conn: Connection[Any], place: Path, month: Month) -> None:
    checkpoint = newest(conn, month.log_id, covering=month.last_index + 1)
    if checkpoint is None:
        raise Refused(
            f"no signed checkpoint covers {month.month:%Y-%m} of {month.origin}: run `tokentrail checkpointer` first"
        )
    (place / CHECKPOINT).write_text(checkpoint.note)
    proof = range_proof(StoredTree(conn, month.log_id), month.first_index, month.last_index + 1, checkpoint.tree_size)
    manifest = {
        "format": "tokentrail archive 1",
        "origin": month.origin,
        "month": f"{month.month:%Y-%m}",
        "first_index": month.first_index,
        "last_index": month.last_index,
        "chain_before": month.chain_before.hex(),
        "chain_hash": month.chain_hash.hex(),
        "tree_size": checkpoint.tree_size,
        "range_proof": {side: [one.hex() for one in hashes] for side, hashes in proof.items()},
        # Not of hashes.parquet: forgetting a subject takes its rows away.
        "files": {name: file_hash(place / name) for name in (ENTRIES, TILES, CHECKPOINT)},
    }
    (place / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
