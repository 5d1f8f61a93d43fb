"""Entries that lie in Parquet, before those in the table; and, where they were pruned, their hashes in the tiles.

The layout is that of docs/retention.md. A month whose files are gone or changed is a problem; the walk then
goes on over its leaf hashes, so that one lost file does not hide what the rest of the log says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import Connection

from tokentrail.verifier.leaf import Leaf
from tokentrail.verifier.report import Report
from tokentrail.verifier.rows import Row, stream

NAMES = [name for name in Row._fields if name not in ("ip_hash", "device_hash")]
HASH, WIDTH = 32, 256


@dataclass(frozen=True, slots=True)
class Hashes:
    """Leaf hashes of entries that are not there to be read, from `first` on."""

    first: int
    leaf_hashes: list[bytes]


@dataclass(frozen=True, slots=True)
class _Range:
    month: str
    first: int
    last: int
    location: str
    manifest_hash: bytes
    pruned: bool


def entries(
    conn: Connection[Any], log_id: int, base: Path | None, report: Report, start: int = 0
) -> Iterator[list[Row] | Hashes]:
    """The log in order from `start` on: archived months first, then the table."""
    ranges = [
        _Range(f"{month:%Y-%m}", first, last, location, bytes(manifest), pruned is not None)
        for month, first, last, location, manifest, pruned in conn.execute(
            """select month, first_index, last_index, location, manifest_hash, pruned_at
            from ledger.archived_range where log_id = %s and last_index >= %s order by first_index""",
            (log_id, start),
        )
    ]
    for range_ in ranges:
        first = max(start, range_.first)
        if range_.pruned:
            report.pruned += range_.last - first + 1
            yield from _from_tiles(conn, log_id, first, range_.last)
        elif (place := _sound(base, range_, report)) is None:
            yield from _from_tiles(conn, log_id, first, range_.last)
        else:
            yield from _from_files(place, first)
    yield from stream(conn, log_id, start)


class Pruning:
    """A month may be gone only if the log itself says so, by a Pruned entry over it and all before."""

    def __init__(self, conn: Connection[Any], log_id: int, start: int = 0) -> None:
        self._start = start
        row = conn.execute(
            "select max(last_index) from ledger.archived_range where log_id = %s and pruned_at is not null", (log_id,)
        ).fetchone()
        self._last: int = row[0] if row and row[0] is not None else -1
        self._said = -1

    def see(self, row: Row, leaf: Leaf, report: Report) -> None:  # noqa: ARG002
        """Note what a Pruned entry says: its subject is "entries 0 to N"."""
        if leaf.type == "Pruned" and leaf.topic is None and leaf.subject is not None:
            self._said = max(self._said, int(leaf.subject.rpartition(" ")[2]))

    def finish(self, report: Report) -> None:
        """Compare with what is marked as pruned."""
        if self._last > self._said and self._start == 0:
            report.add(
                "pruned_unsaid", self._last, f"entries up to {self._last} are marked as pruned, and no entry says so"
            )


def _sound(base: Path | None, range_: _Range, report: Report) -> Path | None:
    """The month's directory, if its files are those whose hashes the ledger recorded."""
    place = (base or Path()) / range_.location
    try:
        raw = (place / "manifest.json").read_bytes()
        if base is None or hashlib.sha256(raw).digest() != range_.manifest_hash:
            report.add("archive", range_.first, f"the manifest of {range_.month} is not the one that was recorded")
            return None
        for name, said in json.loads(raw)["files"].items():
            with (place / name).open("rb") as handle:
                if hashlib.file_digest(handle, "sha256").hexdigest() != said:
                    report.add("archive", range_.first, f"{name} of {range_.month} was changed")
                    return None
    except OSError:
        report.add(
            "archive_missing", range_.first, f"the archive of {range_.month} is not there: set TOKENTRAIL_ARCHIVE_DIR"
        )
        return None
    return place


def _from_files(place: Path, start: int) -> Iterator[list[Row]]:
    keyed = _keyed(place)
    file = pq.ParquetFile(place / "entries.parquet")
    for group in range(file.num_row_groups):
        columns = [_plain(file, group, name) for name in NAMES]
        index = columns[0]
        if index and index[-1] < start:
            continue
        keys = [keyed.get(i, (None, None)) for i in index]
        columns[NAMES.index("key_id") : NAMES.index("key_id")] = [[k[0] for k in keys], [k[1] for k in keys]]
        rows = [Row._make(values) for values in zip(*columns, strict=True)]
        yield [row for row in rows if row.index >= start]


def _plain(file: pq.ParquetFile, group: int, name: str) -> list[Any]:
    column = file.read_row_group(group, columns=[name]).column(0)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values


def _keyed(place: Path) -> dict[int, tuple[bytes | None, bytes | None]]:
    columns = [column.to_pylist() for column in pq.read_table(place / "hashes.parquet").columns]
    return {index: (ip, device) for index, ip, device in zip(*columns, strict=True)}


def _from_tiles(conn: Connection[Any], log_id: int, first: int, last: int) -> Iterator[Hashes]:
    """Leaf hashes first..last as the tiles have them; what no tile has shows as missing in the walk."""
    rows = conn.execute(
        "select n, hashes from ledger.tile where log_id = %s and level = 0 and n between %s and %s order by n",
        (log_id, first // WIDTH, last // WIDTH),
    ).fetchall()
    for n, hashes in rows:
        start, end = max(first, n * WIDTH), min(last, n * WIDTH + WIDTH - 1)
        at = [(i - n * WIDTH) * HASH for i in range(start, end + 1)]
        yield Hashes(start, [bytes(hashes[i : i + HASH]) for i in at])
