"""Signed heads against the tree: those stored in the database, and those kept elsewhere.

A head that somebody signed or kept binds the log: no tree of that size may have another root, and no later
log may be smaller. With a pinned key, a log that was hashed anew and signed by another key is caught; with a
head kept elsewhere or cosigned, so is one signed anew with the stolen key.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from tokentrail.verifier.notes import Checkpoint, NoteError, VKey, open_checkpoint, parse_checkpoint
from tokentrail.verifier.report import Report


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count. Without a pinned `vkey` the keys stored beside the checkpoints are believed."""

    vkey: VKey | None = None
    witnesses: Sequence[VKey] = ()
    quorum: int = 0


@dataclass(frozen=True, slots=True)
class _Head:
    size: int
    root: bytes
    where: str


@dataclass
class Heads:
    """Heads of one log. Made before the walk (which must compute the roots at `sizes`), judged after it."""

    origin: str
    trust: Trust
    _heads: list[_Head] = field(default_factory=list)
    _keys: dict[bytes, VKey] = field(default_factory=dict)

    @property
    def sizes(self) -> set[int]:
        """Tree sizes at which a root is claimed."""
        return {head.size for head in self._heads}

    def know_keys(self, conn: Connection[Any], log_id: int) -> None:
        """Keys that signed for this log, as the database says; what they signed is checked one by one."""
        for (text,) in conn.execute("select distinct vkey from ledger.checkpoint where log_id = %s", (log_id,)):
            with suppress(NoteError):
                vkey = VKey.parse(text)
                self._keys[vkey.key_id] = vkey

    def load(self, conn: Connection[Any], log_id: int, report: Report, start: int = 0) -> None:
        """Read and check the stored checkpoints from tree size `start` on."""
        rows = conn.execute(
            "select tree_size, note, vkey from ledger.checkpoint where log_id = %s and tree_size >= %s order by 1",
            (log_id, start),
        )
        for tree_size, note, text in rows:
            found = self._stored(tree_size, note, text, report)
            if found is not None:
                self._heads.append(_Head(found.size, found.root, "stored"))
                report.checkpoints += 1

    def _stored(self, tree_size: int, note: str, text: str, report: Report) -> Checkpoint | None:
        try:
            vkey = VKey.parse(text)
            found = open_checkpoint(note, vkey, origin=self.origin)
        except NoteError as error:
            report.add("checkpoint", tree_size, f"stored checkpoint: {error}")
            return None
        if self.trust.vkey is not None and vkey != self.trust.vkey:
            report.add("checkpoint_key", tree_size, f"stored checkpoint is signed by {vkey}, not by the pinned key")
            return None
        if found.size != tree_size:
            report.add("checkpoint", tree_size, f"stored under size {tree_size}, the note says {found.size}")
            return None
        return found

    def keep(self, note: bytes, report: Report) -> Checkpoint | None:
        """A head kept elsewhere. It counts even where its key is not known any more: that is a problem too."""
        try:
            found = parse_checkpoint(note)
        except NoteError as error:
            report.add("checkpoint", None, f"kept checkpoint: {error}")
            return None
        vkey = self.trust.vkey or next(
            (self._keys[line.key_id] for line in found.signatures if line.key_id in self._keys), None
        )
        if vkey is None:
            report.add("checkpoint", found.size, "kept checkpoint: signed by a key that this log does not know")
        else:
            self._check(note, vkey, found.size, report)
        self._heads.append(_Head(found.size, found.root, "kept"))
        return found

    def _check(self, note: bytes, vkey: VKey, size: int, report: Report) -> None:
        try:
            open_checkpoint(note, vkey, origin=self.origin, witnesses=self.trust.witnesses, quorum=self.trust.quorum)
        except NoteError as error:
            report.add("checkpoint", size, f"kept checkpoint: {error}")

    def judge(self, roots: dict[int, bytes], size: int, report: Report) -> None:
        """Compare each head with the root computed at its size; `size` is where the log ends now."""
        claimed: dict[int, bytes] = {}
        for head in sorted(self._heads, key=lambda head: (head.size, head.where)):
            if claimed.setdefault(head.size, head.root) != head.root:
                report.add("two_roots", head.size, f"two roots were signed for size {head.size}")
            if head.size > size:
                report.add(
                    "rollback", head.size, f"a {head.where} checkpoint covers {head.size} entries, the log has {size}"
                )
            elif head.size in roots and roots[head.size] != head.root:
                signed = base64.b64encode(head.root).decode()
                report.add("signed_root", head.size, f"the {head.where} checkpoint signs root {signed}, not this log's")

    def need_quorum(self, report: Report, newest: bytes | None) -> None:
        """With a quorum demanded, the newest stored head must carry it."""
        if self.trust.quorum and newest is not None and self._keys:
            vkey = self.trust.vkey or next(reversed(self._keys.values()))
            try:
                open_checkpoint(
                    newest, vkey, origin=self.origin, witnesses=self.trust.witnesses, quorum=self.trust.quorum
                )
            except NoteError as error:
                report.add("quorum", None, f"newest checkpoint: {error}")
