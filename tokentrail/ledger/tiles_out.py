"""The log as c2sp.org/tlog-tiles resources: read one for a web client, or write all as files."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from psycopg import Connection

from tokentrail.errors import NotFound, Refused
from tokentrail.ledger.stored_tree import StoredTree
from tokentrail.ledger.tile_paths import TileRef, tiles_of
from tokentrail.ledger.tree import TILE_WIDTH


def read_resource(conn: Connection[Any], log_id: int, ref: TileRef) -> bytes:
    """The bytes of a tile or an entry bundle. The log must hold at least `ref.tree_size` entries.

    Raises Refused where what is stored contradicts itself, NotFound for entries that were archived.
    """
    if ref.level >= 0:
        return StoredTree(conn, log_id).tile(ref.level, ref.n, ref.width)
    return _bundle(conn, log_id, ref)


def _bundle(conn: Connection[Any], log_id: int, ref: TileRef) -> bytes:
    """Leaves with a big-endian u16 of their length before each."""
    first = ref.n * TILE_WIDTH
    rows = conn.execute(
        """select index, leaf, leaf_hash from ledger.entry
        where log_id = %s and index >= %s and index < %s order by index""",
        (log_id, first, first + ref.width),
    ).fetchall()
    if [row[0] for row in rows] != list(range(first, first + ref.width)):
        raise NotFound(f"entries {first} to {first + ref.width - 1} are not all here: they were archived, or removed")
    parts = []
    for index, leaf, leaf_hash in rows:
        if hashlib.sha256(b"\x00" + leaf).digest() != leaf_hash:
            raise Refused(f"entry {index} does not hash to its leaf hash: run `tokentrail verify`")
        parts.append(len(leaf).to_bytes(2, "big") + leaf)
    return b"".join(parts)


def write_tiles(conn: Connection[Any], log_id: int, size: int, note: str, root: Path, after: int = 0) -> int:
    """Write the resources of a tree of `size` under `root`, the checkpoint last; returns how many.

    `after` is the size that an earlier run left there: its full tiles are not written again. Partial tiles
    stay until the full one is there, so that every checkpoint ever shown can be followed.
    """
    written = 0
    for ref in tiles_of(size, after):
        _replace(root / ref.path, read_resource(conn, log_id, ref))
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
