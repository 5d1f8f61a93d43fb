"""Prove an entry: its leaf, a checkpoint that covers it, and the inclusion proof between them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.ledger.checkpoints import Stored, newest
from tokentrail.ledger.leaves import read_leaves
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


def prove(conn: Connection[Any], settings: Settings, log_id: int, index: int) -> Proved | None:
    """The proof under the newest checkpoint; None if no checkpoint covers the entry yet. Raises NotFound."""
    leaf = read_leaves(conn, settings, log_id, index, index + 1)[0]
    checkpoint = newest(conn, log_id, covering=index + 1)
    if checkpoint is None:
        return None
    hashes = StoredTree(conn, log_id).inclusion(index, checkpoint.tree_size)
    return Proved(index, leaf, hashes, checkpoint)
