"""Verify a log: one walk, then the head, the tiles and the checkpoints against what the walk computed."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import Connection

from tokentrail.errors import NotFound
from tokentrail.verifier.archive import Pruning, entries
from tokentrail.verifier.bodies import Bodies
from tokentrail.verifier.heads import Heads, Trust
from tokentrail.verifier.offsets import Offsets
from tokentrail.verifier.report import Report
from tokentrail.verifier.resume import chain_before, tree_at
from tokentrail.verifier.statements import Statements
from tokentrail.verifier.tiles import check_tiles
from tokentrail.verifier.walk import EntryCheck, Walk


@dataclass(frozen=True, slots=True)
class Options:
    """What to hold the log against beyond itself.

    `data_keys` are raw wrapping keys, for bodies; `archive` is the directory of archived months; `kept` are
    checkpoint notes from outside the database; `since` is one from which on to verify.
    """

    data_keys: Sequence[bytes] = ()
    archive: Path | None = None
    trust: Trust = field(default_factory=Trust)
    kept: Sequence[bytes] = ()
    since: bytes | None = None


def verify(
    conn: Connection[Any],
    origin: str,
    options: Options | None = None,
    *,
    progress: Callable[[int], None] = lambda _n: None,
) -> Report:
    """Recheck the log of `origin` in one snapshot, whole or from a signed size on.

    Raises NotFound if there is no such log. Problems are in the report, never raised.
    """
    started = time.monotonic()
    report = Report()
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read read only")
        # Before the snapshot: no month can move to the archive while the walk is under way.
        conn.execute("lock table ledger.entry in access share mode")
        _verify(conn, origin, options or Options(), report, progress)
    report.seconds = time.monotonic() - started
    return report


def _verify(
    conn: Connection[Any], origin: str, options: Options, report: Report, progress: Callable[[int], None]
) -> None:
    log_id, size, chain_hash, root_hash = _head(conn, origin)
    heads = Heads(origin, options.trust)
    heads.know_keys(conn, log_id)
    start = _start(heads, options.since, report)
    heads.load(conn, log_id, report, start)
    for note in options.kept:
        heads.keep(note, report)
    statements = Statements()
    bodies = Bodies(conn, log_id, options.data_keys, statements)
    pruning = Pruning(conn, log_id, start)
    checks: list[EntryCheck] = [bodies, pruning]
    walk = Walk(report, Offsets(conn, log_id, from_start=start == 0), checks, heads.sizes)
    if start and not _resume(conn, log_id, walk, start, report):
        return
    walk.run(entries(conn, log_id, options.archive, report, start), progress)
    _check_head(report, walk, size, bytes(chain_hash), bytes(root_hash))
    check_tiles(conn, log_id, walk.tree.size, walk.leaf_tiles, report, start)
    heads.judge(walk.roots, walk.next_index, report)
    heads.need_quorum(report, _newest(conn, log_id))
    bodies.finish(report)
    pruning.finish(report)
    if start == 0:
        statements.finish(report, opened=bool(options.data_keys))
    report.entries = walk.tree.size - start
    report.tree_size = walk.tree.size
    report.root_hash = base64.b64encode(walk.tree.root()).decode()


def _head(conn: Connection[Any], origin: str) -> tuple[int, int, bytes, bytes]:
    head = conn.execute(
        "select log_id, size, chain_hash, root_hash from ledger.log where origin = %s", (origin,)
    ).fetchone()
    if head is None:
        raise NotFound(f"there is no log {origin}: start `tokentrail ledger-writer`, or set TOKENTRAIL_LEDGER_ORIGIN")
    return head[0], head[1], head[2], head[3]


def _start(heads: Heads, since: bytes | None, report: Report) -> int:
    """The size to begin at: that of the checkpoint given, whose root the tree rebuilt there must have."""
    if since is None:
        return 0
    found = heads.keep(since, report)
    return found.size if found is not None else 0


def _resume(conn: Connection[Any], log_id: int, walk: Walk, start: int, report: Report) -> bool:
    try:
        walk.resume(tree_at(conn, log_id, start), chain_before(conn, log_id, start))
    except LookupError as error:
        report.add("rollback", start, f"the log does not reach back to this checkpoint: {error}")
        return False
    return True


def _newest(conn: Connection[Any], log_id: int) -> bytes | None:
    row = conn.execute(
        "select note from ledger.checkpoint where log_id = %s order by tree_size desc, cosignatures desc limit 1",
        (log_id,),
    ).fetchone()
    return row[0].encode() if row else None


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
