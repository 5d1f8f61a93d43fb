"""Prove an entry: find it, find a checkpoint that covers it, read its inclusion proof."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from tokentrail.errors import NotFound
from tokentrail.ledger.checkpoints import Stored, newest
from tokentrail.ledger.drafts import CONFLICT
from tokentrail.ledger.stored_tree import StoredTree
from tokentrail.ledger.tlog_proof import base64_lines, tlog_proof


@dataclass(frozen=True, slots=True)
class Proved:
    """An entry with its proof in the tree of `checkpoint`."""

    index: int
    leaf: bytes
    hashes: list[bytes]
    checkpoint: Stored

    def text(self) -> str:
        """As a c2sp.org/tlog-proof file."""
        return tlog_proof(self.index, self.hashes, self.checkpoint.note)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: index, tree_size, leaf and inclusion in base64, checkpoint."""
        return {
            "index": self.index,
            "tree_size": self.checkpoint.tree_size,
            "leaf": base64.b64encode(self.leaf).decode(),
            "inclusion": base64_lines(self.hashes),
            "checkpoint": self.checkpoint.note,
        }


def log_of(conn: Connection[Any], origin: str) -> tuple[int, int]:
    """Id and size of the log. Raises NotFound."""
    row = conn.execute("select log_id, size from ledger.log where origin = %s", (origin,)).fetchone()
    if row is None:
        raise NotFound(f"there is no log {origin}: start `tokentrail ledger-writer`, or set TOKENTRAIL_LEDGER_ORIGIN")
    return row[0], row[1]


def index_of(conn: Connection[Any], log_id: int, event_id: str) -> int:
    """The index of the entry of an event; of a conflict, the entry that was first. Raises NotFound."""
    row = conn.execute(
        "select index from ledger.entry where log_id = %s and event_id = %s order by type = %s, index limit 1",
        (log_id, event_id, CONFLICT),
    ).fetchone()
    if row is None:
        raise NotFound(f"no entry holds event {event_id}")
    return int(row[0])


def prove(conn: Connection[Any], log_id: int, index: int) -> Proved | None:
    """The proof under the newest checkpoint; None if no checkpoint covers the entry yet. Raises NotFound."""
    row = conn.execute("select leaf from ledger.entry where log_id = %s and index = %s", (log_id, index)).fetchone()
    if row is None:
        raise NotFound(f"there is no entry {index} here")
    checkpoint = newest(conn, log_id, covering=index + 1)
    if checkpoint is None:
        return None
    hashes = StoredTree(conn, log_id).inclusion(index, checkpoint.tree_size)
    return Proved(index, bytes(row[0]), hashes, checkpoint)
