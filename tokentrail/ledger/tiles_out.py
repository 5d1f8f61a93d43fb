"""The log as c2sp.org/tlog-tiles resources: read one for a web client, or write all as files."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.errors import Refused
from tokentrail.ledger.leaves import read_leaves
from tokentrail.ledger.stored_tree import HASH, StoredTree
from tokentrail.ledger.tile_paths import TileRef, tiles_of
from tokentrail.ledger.tree import TILE_WIDTH


class Resources:
    """One log's tiles and entry bundles, read from the database and the archive."""

    def __init__(self, conn: Connection[Any], settings: Settings, log_id: int) -> None:
        self._conn = conn
        self._settings = settings
        self._log_id = log_id
        self._tree = StoredTree(conn, log_id)

    def read(self, ref: TileRef) -> bytes:
        """The bytes of a tile or an entry bundle. The log must hold at least `ref.tree_size` entries.

        Raises Refused where what is stored contradicts itself, NotFound for entries that were pruned.
        """
        if ref.level >= 0:
            return self._tree.tile(ref.level, ref.n, ref.width)
        first = ref.n * TILE_WIDTH
        hashes = self._tree.tile(0, ref.n, ref.width)
        parts = []
        for at, leaf in enumerate(read_leaves(self._conn, self._settings, self._log_id, first, first + ref.width)):
            if hashlib.sha256(b"\x00" + leaf).digest() != hashes[at * HASH : (at + 1) * HASH]:
                raise Refused(f"entry {first + at} does not hash to its place in the tree: run `tokentrail verify`")
            parts.append(len(leaf).to_bytes(2, "big") + leaf)
        return b"".join(parts)


def write_tiles(resources: Resources, size: int, note: str, root: Path, after: int = 0) -> int:
    """Write the resources of a tree of `size` under `root`, the checkpoint last; returns how many.

    `after` is the size that an earlier run left there: its full tiles are not written again. Partial tiles
    stay until the full one is there, so that every checkpoint ever shown can be followed.
    """
    written = 0
    for ref in tiles_of(size, after):
        _replace(root / ref.path, resources.read(ref))
        if ref.width == TILE_WIDTH:
            shutil.rmtree(root / f"{ref.path}.p", ignore_errors=True)
        written += 1
    _replace(root / "checkpoint", note.encode())
    return written


def _replace(path: Path, content: bytes) -> None:
    """In one step: a reader sees the old file or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    draft.replace(path)
