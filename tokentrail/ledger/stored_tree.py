"""The tree as stored: any node, root or proof of any size up to the head, in O(log n) reads.

Nodes lie in tiles of 256 (tokentrail/ledger/tree.py). A tile that is not full yet is not stored; its
hashes are the leaf hashes of the last entries, or the roots of the full tiles one level below.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from tokentrail.errors import Refused
from tokentrail.ledger.proofs import Node, Range, consistency_ranges, hashes_of, inclusion_ranges
from tokentrail.ledger.tree import TILE_WIDTH, fold

HASH = 32
TileId = tuple[int, int]


class StoredTree:
    """Reads one log's tree. Raises Refused where the stored tree lacks what the log says it holds."""

    def __init__(self, conn: Connection[Any], log_id: int) -> None:
        self._conn = conn
        self._log_id = log_id

    def root(self, size: int) -> bytes:
        """The root hash over the first `size` leaves."""
        return hashes_of([(0, size)], self._nodes)[0]

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """RFC 9162 section 2.1.3: the hashes from the leaf's sibling up. Raises ValueError for index >= size."""
        return hashes_of(inclusion_ranges(index, size), self._nodes)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """RFC 9162 section 2.1.4. Raises ValueError for old > new."""
        return hashes_of(consistency_ranges(old, new), self._nodes)

    def subtrees(self, ranges: list[Range]) -> list[bytes]:
        """The hash over each range of leaves; each must fall into perfect subtrees (see proofs)."""
        return hashes_of(ranges, self._nodes)

    def tile(self, level: int, n: int, width: int) -> bytes:
        """The first `width` hashes of a tile, one after the other."""
        return self._tiles({(level, n): width})[level, n][: width * HASH]

    def _nodes(self, wanted: set[Node]) -> dict[Node, bytes]:
        places = {node: _place(node) for node in wanted}
        widths: dict[TileId, int] = {}
        for tile, _, end in places.values():
            widths[tile] = max(widths.get(tile, 0), end)
        tiles = self._tiles(widths)
        return {node: _slice(tiles[tile], start, end) for node, (tile, start, end) in places.items()}

    def _tiles(self, widths: dict[TileId, int]) -> dict[TileId, bytes]:
        """The bytes of each tile, at least as many hashes of it as asked for."""
        if not widths:
            return {}
        rows = self._conn.execute(
            """select t.level, t.n, t.hashes from unnest(%s::int2[], %s::int8[]) w(level, n)
            join ledger.tile t on t.log_id = %s and t.level = w.level and t.n = w.n""",
            ([level for level, _ in widths], [n for _, n in widths], self._log_id),
        ).fetchall()
        found = {(level, n): bytes(hashes) for level, n, hashes in rows}
        for tile, width in widths.items():
            if tile not in found:
                found[tile] = self._edge(*tile, width)
            if len(found[tile]) < width * HASH:
                raise Refused(
                    f"tile {tile[0]}/{tile[1]} of log {self._log_id} lacks hashes that the log should hold: "
                    "run `tokentrail verify`"
                )
        return found

    def _edge(self, level: int, n: int, width: int) -> bytes:
        """A tile that is not full: at most one a level, so the number of reads stays O(log n)."""
        first = n * TILE_WIDTH
        if level == 0:
            query = "select leaf_hash from ledger.entry where log_id = %s and index >= %s and index < %s order by index"
            rows = self._conn.execute(query, (self._log_id, first, first + width)).fetchall()
        else:
            query = "select root from ledger.tile where log_id = %s and level = %s and n >= %s and n < %s order by n"
            rows = self._conn.execute(query, (self._log_id, level - 1, first, first + width)).fetchall()
        return b"".join(bytes(row[0]) for row in rows)


def _place(node: Node) -> tuple[TileId, int, int]:
    """The tile that a node lies in (or above), and the hashes start..end-1 of it that make the node."""
    height, index = node
    level, inside = divmod(height, 8)
    first = index << inside
    start = first % TILE_WIDTH
    return (level, first // TILE_WIDTH), start, start + (1 << inside)


def _slice(tile: bytes, start: int, end: int) -> bytes:
    return fold([tile[i * HASH : (i + 1) * HASH] for i in range(start, end)])
