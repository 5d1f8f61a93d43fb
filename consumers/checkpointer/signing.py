"""Decide whether the tree may be signed, and sign it: append-only since the head signed last, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from psycopg import Connection

from consumers.checkpointer.memory import Memory, SignedHead
from tokentrail.ledger.checkpoints import newest
from tokentrail.ledger.notes import NoteKey, checkpoint_text
from tokentrail.ledger.stored_tree import StoredTree
from tokentrail.verifier.merkle import check_consistency
from tokentrail.verifier.notes import NoteError, VKey, open_checkpoint

log = structlog.get_logger()


class Unsigned(Exception):
    """The tree may not be signed. `reason` is one word for metrics, the message says what was seen."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LogHead:
    """The head that the writer left in the database."""

    log_id: int
    size: int
    root: bytes


class Signing:
    """Signs one log's heads. Owned by one thread; the memory may be shared."""

    def __init__(self, memory: Memory, key: NoteKey, origin: str) -> None:
        self._memory = memory
        self._key = key
        self._vkey = VKey.parse(key.vkey)
        self._origin = origin

    def take_history(self, note: str, place: str) -> None:
        """A checkpoint found outside the memory, at the start. One that this key signed binds us as our own do.

        With an empty memory it is trust on first use: nobody here can tell whether a later one existed.
        """
        found = self._ours(note)
        if found is None:
            log.warning("a checkpoint found is not of this key; passed over", place=place)
            return
        last = self._memory.head(self._origin)
        if last is None:
            log.warning(
                "no memory of earlier checkpoints: taking the newest found as history (trust on first use)",
                place=place,
                size=found.size,
            )
            self._memory.swap(self._origin, None, found)

    def step(self, conn: Connection[Any]) -> SignedHead | None:
        """Sign the log's head if it grew. None if there is nothing new; Unsigned if it may not be signed.

        1 read the head in one snapshot, 2 compare with what was signed, 3 sign, 4 remember; only then is
        the signature handed out.
        """
        with conn.transaction():
            conn.execute("set transaction isolation level repeatable read read only")
            head = _read_head(conn, self._origin)
            if head is None or head.size == 0:
                return None
            tree = StoredTree(conn, head.log_id)
            last = self._known(conn, head, tree)
            if last is not None and last.size == head.size and last.root == head.root:
                return None
            self._check_growth(tree, head, last)
        text = checkpoint_text(self._origin, head.size, head.root)
        new = SignedHead(head.size, head.root, self._key.sign(text), self._key.vkey)
        if not self._memory.swap(self._origin, last, new):
            log.info("another checkpointer signed in between; looking again")
            return None
        return new

    def _known(self, conn: Connection[Any], head: LogHead, tree: StoredTree) -> SignedHead | None:
        """The head signed last: the memory's, or one in the database that this key signed since and that follows."""
        last = self._memory.head(self._origin)
        stored = newest(conn, head.log_id, vkey=self._key.vkey)
        if stored is None or (last is not None and stored.tree_size < last.size):
            return last
        if last is not None and stored.tree_size == last.size and stored.note.startswith(last.note):
            return last
        found = self._ours(stored.note)
        if found is None:
            raise Unsigned("history", f"the stored checkpoint of size {stored.tree_size} does not carry our signature")
        if last is None:
            self.take_history(stored.note, "the database")
            return found
        if found.size == last.size and found.root != last.root:
            raise Unsigned("fork", f"two roots were signed for size {last.size} with this key")
        if found.size > head.size:
            raise Unsigned("rollback", f"this key signed size {found.size}, the log holds {head.size} entries")
        if found.size > last.size:
            proof = tree.consistency(last.size, found.size)
            if not check_consistency(last.size, found.size, proof, last.root, found.root):
                raise Unsigned("fork", f"the stored checkpoint of size {found.size} does not extend {last.size}")
            self._memory.swap(self._origin, last, found)
            return found
        return last

    def _check_growth(self, tree: StoredTree, head: LogHead, last: SignedHead | None) -> None:
        if last is not None and head.size < last.size:
            raise Unsigned("rollback", f"size {last.size} was signed, the log holds {head.size} entries")
        if last is not None and head.size == last.size:
            raise Unsigned("fork", f"another root was signed for size {last.size}")
        if tree.root(head.size) != head.root:
            raise Unsigned("head", f"the log's root hash for size {head.size} is not that of its stored tree")
        if last is not None:
            proof = tree.consistency(last.size, head.size)
            if not check_consistency(last.size, head.size, proof, last.root, head.root):
                raise Unsigned("inconsistent", f"the tree of size {head.size} does not extend the signed {last.size}")

    def _ours(self, note: str) -> SignedHead | None:
        try:
            found = open_checkpoint(note, self._vkey, origin=self._origin)
        except NoteError:
            return None
        # Ed25519 signatures are deterministic: this is the very note that was signed then.
        return SignedHead(found.size, found.root, self._key.sign(found.text), self._key.vkey)


def _read_head(conn: Connection[Any], origin: str) -> LogHead | None:
    row = conn.execute("select log_id, size, root_hash from ledger.log where origin = %s", (origin,)).fetchone()
    return LogHead(row[0], row[1], bytes(row[2])) if row else None
