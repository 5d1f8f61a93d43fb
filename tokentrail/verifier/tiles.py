"""Stored tiles against the leaves: proofs are made from tiles, so a wrong tile would make wrong proofs."""

from __future__ import annotations

import hashlib
from typing import Any

from psycopg import Connection

from tokentrail.verifier.report import Report

WIDTH = 256
HASH = 32
ROOTS = "select root from ledger.tile where log_id = %s and level = %s and n >= %s and n < %s order by n"


class LeafTiles:
    """What each full tile of level 0 must hold, as one hash a tile: the leaves are met once, in the walk."""

    def __init__(self) -> None:
        self._hashes: dict[int, hashlib._Hash] = {}

    def add(self, indexed: list[tuple[int, bytes]]) -> None:
        """Leaf hashes as stored, by index, in the order of the walk."""
        start = 0
        while start < len(indexed):
            n = indexed[start][0] // WIDTH
            end = start
            while end < len(indexed) and indexed[end][0] // WIDTH == n:
                end += 1
            if n not in self._hashes:
                self._hashes[n] = hashlib.sha256()
            self._hashes[n].update(b"".join(leaf_hash for _, leaf_hash in indexed[start:end]))
            start = end

    def is_tile(self, n: int, hashes: bytes) -> bool:
        """Whether these are the leaf hashes of tile `n`."""
        return n in self._hashes and self._hashes[n].digest() == hashlib.sha256(hashes).digest()


def check_tiles(
    conn: Connection[Any], log_id: int, size: int, leaves: LeafTiles, report: Report, start: int = 0
) -> None:
    """Every full tile must be there, hold the hashes of the level below, and carry their root.

    With a `start`, only tiles whose leaves all come after it.
    """
    level = 0
    while size >> (8 * level + 8):
        first = -((-start) >> (8 * level + 8))
        _check_level(conn, log_id, level, range(first, size >> (8 * level + 8)), leaves, report)
        level += 1
    extra = conn.execute(
        "select count(*) from ledger.tile where log_id = %s and n >= %s >> (8 * level + 8)", (log_id, size)
    ).fetchone()
    if extra and extra[0]:
        report.add("tile", None, f"{extra[0]} tiles lie beyond the log's size")


def _check_level(
    conn: Connection[Any], log_id: int, level: int, wanted: range, leaves: LeafTiles, report: Report
) -> None:
    expected = wanted.start
    for n, root, hashes in conn.execute(
        "select n, root, hashes from ledger.tile where log_id = %s and level = %s and n >= %s and n < %s order by n",
        (log_id, level, wanted.start, wanted.stop),
    ).fetchall():
        for missing in range(expected, n):
            report.add("tile", missing * WIDTH << (8 * level), f"tile {level}/{missing} is missing")
        expected = n + 1
        if level == 0:
            good = leaves.is_tile(n, bytes(hashes))
        else:
            rows = conn.execute(ROOTS, (log_id, level - 1, n * WIDTH, (n + 1) * WIDTH))
            good = bytes(hashes) == b"".join(bytes(row[0]) for row in rows)
        if not good or bytes(root) != _root(bytes(hashes)):
            report.add("tile", n * WIDTH << (8 * level), f"tile {level}/{n} is not the tile of its leaves")
    for missing in range(expected, wanted.stop):
        report.add("tile", missing * WIDTH << (8 * level), f"tile {level}/{missing} is missing")


def _root(hashes: bytes) -> bytes:
    level = [hashes[i : i + HASH] for i in range(0, len(hashes), HASH)]
    while len(level) > 1:
        level = [
            hashlib.sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
    return level[0] if level else b""
