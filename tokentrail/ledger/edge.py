"""Read the tree's right edge back: the hashes at each tile level that no full tile holds yet."""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import TupleRow

from tokentrail.ledger.tree import TILE_WIDTH, Edge


def load_edge(conn: Connection[TupleRow], log_id: int, size: int) -> Edge:
    """The edge of the tree of `size` leaves: at most 255 hashes a level, levels log256(size)."""
    levels: list[list[bytes]] = []
    level = 0
    while level == 0 or size >> (8 * level):
        count = (size >> (8 * level)) % TILE_WIDTH
        first = (size >> (8 * level)) - count
        levels.append(_hashes(conn, log_id, level, first, count))
        level += 1
    return Edge(size, levels)


def _hashes(conn: Connection[TupleRow], log_id: int, level: int, first: int, count: int) -> list[bytes]:
    if not count:
        return []
    if level == 0:
        query = "select leaf_hash from ledger.entry where log_id = %s and index >= %s and index < %s order by index"
        rows = conn.execute(query, (log_id, first, first + count)).fetchall()
    else:
        query = "select root from ledger.tile where log_id = %s and level = %s and n >= %s and n < %s order by n"
        rows = conn.execute(query, (log_id, level - 1, first, first + count)).fetchall()
    if len(rows) != count:
        raise LookupError(f"log {log_id}: {count - len(rows)} hashes of level {level} are missing from {first} on")
    return [bytes(row[0]) for row in rows]
