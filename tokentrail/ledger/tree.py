"""The RFC 6962 tree as it grows: the right edge in memory, full tiles of 256 hashes handed out for storage."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

TILE_WIDTH = 256
EMPTY_ROOT = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Tile:
    """A full tile (C2SP tlog-tiles): `hashes` are 256 hashes of 32 bytes, `root` the hash over them."""

    level: int
    n: int
    root: bytes
    hashes: bytes


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 section 2.1: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: list[bytes]) -> bytes:
    """Root over a list of subtrees of equal size, of which only the last may be smaller.

    Pairing level by level and carrying an odd last one up gives the tree of RFC 6962 section 2.1.
    """
    if not hashes:
        return EMPTY_ROOT
    sha256 = hashlib.sha256
    while len(hashes) > 1:
        pairs = [
            sha256(b"\x01" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=False)
        ]
        if len(hashes) % 2:
            pairs.append(hashes[-1])
        hashes = pairs
    return hashes[0]


class Edge:
    """What of the tree is not in full tiles yet: for each tile level the hashes to the right of them.

    A value: `extended` gives a new edge and leaves this one as it was, so that a transaction that
    rolls back costs nothing but the new one.
    """

    __slots__ = ("levels", "size")

    def __init__(self, size: int = 0, levels: list[list[bytes]] | None = None) -> None:
        self.size = size
        self.levels = levels or [[]]

    def extended(self, leaf_hashes: list[bytes]) -> tuple[Edge, list[Tile]]:
        """The edge after these leaves, and the tiles that they filled."""
        levels = [list(level) for level in self.levels]
        tiles: list[Tile] = []
        size = self.size + len(leaf_hashes)
        levels[0].extend(leaf_hashes)
        level = 0
        while level < len(levels) and len(levels[level]) >= TILE_WIDTH:
            here = levels[level]
            full = len(here) // TILE_WIDTH
            first = (size >> (8 * level + 8)) - full
            if level + 1 == len(levels):
                levels.append([])
            for i in range(full):
                hashes = here[i * TILE_WIDTH : (i + 1) * TILE_WIDTH]
                root = fold(hashes)
                tiles.append(Tile(level, first + i, root, b"".join(hashes)))
                levels[level + 1].append(root)
            levels[level] = here[full * TILE_WIDTH :]
            level += 1
        return Edge(size, levels), tiles

    def root(self) -> bytes:
        """Root hash of the whole tree."""
        right: bytes | None = None
        for level in self.levels:
            hashes = level if right is None else [*level, right]
            if hashes:
                right = fold(hashes)
        return EMPTY_ROOT if right is None else right
