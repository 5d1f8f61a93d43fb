"""Turn drafts into sealed rows: commitment, leaf, leaf hash, encrypted body and keyed hashes.

This is the CPU work of the writer, done before the log's head is locked.
"""

from __future__ import annotations

import hashlib
import os

from tokentrail.ledger.copy_row import Rows, Sealed, copy_row
from tokentrail.ledger.leaf import Draft, leaf_bytes, leaf_hash
from tokentrail.ledger.seal import NONCE_BYTES, SALT_BYTES, Cipher, KeyRing, SealedBody
from tokentrail.ledger.search_key import SearchKey

MAX_HASHES = 50_000
RANDOM_BYTES = SALT_BYTES + NONCE_BYTES


class Sealer:
    """Seals drafts under the data keys of a ring. Owned by one thread."""

    def __init__(self, ring: KeyRing, search: SearchKey) -> None:
        self._ring = ring
        self._search = search
        self._hashes: dict[tuple[str, str], bytes] = {}

    def seal(self, drafts: list[Draft]) -> Rows:
        """Seal a batch; entries without a subject, and what the ledger says itself, share the log's own key."""
        return Rows(self.seal_with(drafts, os.urandom(RANDOM_BYTES * len(drafts))))

    def seal_with(self, drafts: list[Draft], random: bytes) -> list[Sealed]:
        """The same with the salts and nonces given: 44 bytes for each draft, salt first."""
        owners = [(draft.subject or "") if draft.topic is not None else "" for draft in drafts]
        keys = self._ring.sealing_keys(set(owners))
        sealed = []
        at = 0
        for draft, owner in zip(drafts, owners, strict=True):
            salt = random[at : at + SALT_BYTES]
            nonce = random[at + SALT_BYTES : at + RANDOM_BYTES]
            at += RANDOM_BYTES
            sealed.append(self._one(draft, keys[owner], salt, nonce))
        return sealed

    def _one(self, draft: Draft, key: tuple[int, Cipher], salt: bytes, nonce: bytes) -> Sealed:
        key_id, cipher = key
        salted = salt + draft.body
        bound = hashlib.sha256(salted).digest()
        leaf = leaf_bytes(draft, bound)
        hash_ = leaf_hash(leaf)
        body = SealedBody.seal(cipher, nonce, salted, bound)
        hashes = (self._keyed("ip", draft.ip), self._keyed("device", draft.device_id))
        return Sealed(copy_row(self._ring.log_id, draft, key_id, hashes, leaf, hash_, body), hash_)

    def _keyed(self, kind: str, text: str | None) -> bytes | None:
        if text is None:
            return None
        known = self._hashes.get((kind, text))
        if known is None:
            if len(self._hashes) >= MAX_HASHES:
                self._hashes.clear()
            known = self._hashes[kind, text] = self._search.hash(kind, text)
        return known
