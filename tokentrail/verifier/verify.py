"""Verify a log: one walk, then the head, the tiles and the checkpoints against what the walk computed."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psycopg import Connection

from tokentrail.errors import NotFound
from tokentrail.verifier.archive import Pruning, entries
from tokentrail.verifier.bodies import Bodies
from tokentrail.verifier.offsets import Offsets
from tokentrail.verifier.report import Report
from tokentrail.verifier.tiles import check_tiles
from tokentrail.verifier.walk import EntryCheck, Walk


def verify(
    conn: Connection[Any],
    origin: str,
    *,
    data_keys: list[bytes] | None = None,
    archive: Path | None = None,
    progress: Callable[[int], None] = lambda _n: None,
) -> Report:
    """Recheck the whole log of `origin` in one snapshot. `data_keys` are raw wrapping keys, if there;
    `archive` is the directory of archived months.

    Raises NotFound if there is no such log. Problems are in the report, never raised.
    """
    started = time.monotonic()
    report = Report()
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read read only")
        # Before the snapshot: no month can move to the archive while the walk is under way.
        conn.execute("lock table ledger.entry in access share mode")
        head = conn.execute(
            "select log_id, size, chain_hash, root_hash from ledger.log where origin = %s", (origin,)
        ).fetchone()
        if head is None:
            raise NotFound(
                f"there is no log {origin}: start `tokentrail ledger-writer`, or set TOKENTRAIL_LEDGER_ORIGIN"
            )
        log_id, size, chain_hash, root_hash = head
        bodies = Bodies(conn, log_id, data_keys or [])
        pruning = Pruning(conn, log_id)
        checks: list[EntryCheck] = [bodies, pruning]
        walk = Walk(report, Offsets(conn, log_id, from_start=True), checks, set())
        walk.run(entries(conn, log_id, archive, report), progress)
        _check_head(report, walk, size, bytes(chain_hash), bytes(root_hash))
        check_tiles(conn, log_id, walk.tree.size, walk.leaf_tiles, report)
    report.entries = report.tree_size = walk.tree.size
    report.root_hash = base64.b64encode(walk.tree.root()).decode()
    bodies.finish(report)
    pruning.finish(report)
    report.seconds = time.monotonic() - started
    return report


def _check_head(report: Report, walk: Walk, size: int, chain_hash: bytes, root_hash: bytes) -> None:
    there = walk.next_index
    if there < size:
        report.add("tail_missing", there, f"the log's head says {size} entries, the last one here is {there - 1}")
    elif there > size:
        report.add("tail_unknown", size, f"the log's head says {size} entries, the last one here is {there - 1}")
    elif root_hash != walk.tree.root():
        report.add("root_hash", None, "the head's root hash is not the root over the leaves")
    if there == size and walk.chain != chain_hash:
        report.add("chain_head", None, "the head's chain hash is not that of the last entry")
