"""Verify a log: one walk, then the head, the tiles and the checkpoints against what the walk computed."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

from psycopg import Connection

from tokentrail.errors import NotFound
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
    progress: Callable[[int], None] = lambda _n: None,
) -> Report:
    """Recheck the whole log of `origin` in one snapshot. `data_keys` are raw wrapping keys, if there.

    Raises NotFound if there is no such log. Problems are in the report, never raised.
    """
    started = time.monotonic()
    report = Report()
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read read only")
        head = conn.execute(
            "select log_id, size, chain_hash, root_hash from ledger.log where origin = %s", (origin,)
        ).fetchone()
        if head is None:
            raise NotFound(
                f"there is no log {origin}: start `tokentrail ledger-writer`, or set TOKENTRAIL_LEDGER_ORIGIN"
            )
        log_id, size, chain_hash, root_hash = head
        bodies = Bodies(conn, log_id, data_keys or [])
        checks: list[EntryCheck] = [bodies]
        walk = Walk(report, Offsets(conn, log_id, from_start=True), checks, set())
        walk.run(conn, log_id, progress)
        _check_head(report, walk, size, bytes(chain_hash), bytes(root_hash))
        check_tiles(conn, log_id, walk.tree.size, report)
    report.entries = report.tree_size = walk.tree.size
    report.root_hash = base64.b64encode(walk.tree.root()).decode()
    bodies.finish(report)
    report.seconds = time.monotonic() - started
    return report


def _check_head(report: Report, walk: Walk, size: int, chain_hash: bytes, root_hash: bytes) -> None:
    if walk.tree.size < size:
        report.add("tail_missing", walk.tree.size, f"the log's head says {size} entries, {walk.tree.size} are there")
    elif walk.tree.size > size:
        report.add("tail_unknown", size, f"the log's head says {size} entries, {walk.tree.size} are there")
    elif root_hash != walk.tree.root():
        report.add("root_hash", None, "the head's root hash is not the root over the leaves")
    if walk.tree.size == size and walk.chain != chain_hash:
        report.add("chain_head", None, "the head's chain hash is not that of the last entry")
