"""Begin a walk at a signed size: the tree so far is rebuilt from stored hashes and must have the signed root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from tokentrail.verifier.merkle import Accumulator

WIDTH = 256
LEAVES = "select leaf_hash from ledger.entry where log_id = %s and index >= %s and index < %s order by index"
TILES = "select root from ledger.tile where log_id = %s and level = %s and n >= %s and n < %s order by n"


def tree_at(conn: Connection[Any], log_id: int, size: int) -> Accumulator:
    """The tree of the first `size` leaves, from at most 255 hashes a tile level.

    The hashes are believed only if the root they give is the signed one: the caller must compare. Raises
    LookupError where some are missing.
    """
    tree = Accumulator()
    level = max((size.bit_length() - 1) // 8, 0)
    while level >= 0:
        count = (size >> (8 * level)) % WIDTH
        first = (size >> (8 * level)) - count
        hashes = _hashes(conn, log_id, level, first, count)
        tree.extend_subtrees(hashes, 1 << (8 * level))
        level -= 1
    return tree


def chain_before(conn: Connection[Any], log_id: int, size: int) -> bytes:
    """The chain hash of the entry before, from which the chain is followed on."""
    if size == 0:
        return bytes(32)
    row = conn.execute(
        "select chain_hash from ledger.entry where log_id = %s and index = %s union all "
        "select chain_hash from ledger.archived_range where log_id = %s and last_index = %s limit 1",
        (log_id, size - 1, log_id, size - 1),
    ).fetchone()
    if row is None:
        raise LookupError(f"no entry at index {size - 1}")
    return bytes(row[0])


def _hashes(conn: Connection[Any], log_id: int, level: int, first: int, count: int) -> Sequence[bytes]:
    if not count:
        return []
    if level == 0:
        rows = conn.execute(LEAVES, (log_id, first, first + count)).fetchall()
    else:
        rows = conn.execute(TILES, (log_id, level - 1, first, first + count)).fetchall()
    if len(rows) != count:
        raise LookupError(f"{count - len(rows)} hashes of level {level} are missing from {first} on")
    return [bytes(row[0]) for row in rows]
