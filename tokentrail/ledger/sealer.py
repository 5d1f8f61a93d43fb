"""Turn drafts into sealed rows: commitment, leaf, leaf hash, encrypted body and keyed hashes.

This is the CPU work of the writer, done before the log's head is locked.
"""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokentrail.ledger.append import Sealed, pg_micros
from tokentrail.ledger.leaf import Draft, commitment, leaf_bytes, leaf_hash
from tokentrail.ledger.seal import NONCE_BYTES, SALT_BYTES, KeyRing, SealedBody
from tokentrail.ledger.search_key import SearchKey

MAX_HASHES = 50_000


class Sealer:
    """Seals drafts under the data keys of a ring. Owned by one thread."""

    def __init__(self, ring: KeyRing, search: SearchKey) -> None:
        self._ring = ring
        self._search = search
        self._hashes: dict[tuple[str, str], bytes] = {}

    def seal(self, drafts: list[Draft]) -> list[Sealed]:
        """Seal a batch; entries without a subject, and what the ledger says itself, share the log's own key."""
        owners = [(draft.subject or "") if draft.topic is not None else "" for draft in drafts]
        keys = self._ring.sealing_keys(set(owners))
        random = os.urandom((SALT_BYTES + NONCE_BYTES) * len(drafts))
        sealed = []
        at = 0
        for draft, owner in zip(drafts, owners, strict=True):
            salt = random[at : at + SALT_BYTES]
            nonce = random[at + SALT_BYTES : at + SALT_BYTES + NONCE_BYTES]
            at += SALT_BYTES + NONCE_BYTES
            sealed.append(self._one(draft, keys[owner], salt, nonce))
        return sealed

    def _one(self, draft: Draft, key: tuple[int, AESGCM], salt: bytes, nonce: bytes) -> Sealed:
        key_id, aead = key
        bound = commitment(salt, draft.body)
        leaf = leaf_bytes(draft, bound)
        row = (
            draft.topic,
            None if draft.partition == -1 else draft.partition,
            None if draft.offset == -1 else draft.offset,
            None if draft.kafka_time == -1 else pg_micros(draft.kafka_time * 1000),
            draft.event_id,
            draft.type,
            draft.issuer,
            draft.issuer_stream,
            None if draft.issuer_seq == -1 else draft.issuer_seq,
            draft.subject,
            draft.client_id,
            draft.session_id,
            draft.jti,
            pg_micros(draft.occurred_at),
            None if draft.schema_id == -1 else draft.schema_id,
            self._keyed("ip", draft.ip),
            self._keyed("device", draft.device_id),
            key_id,
        )
        return Sealed(row, leaf, leaf_hash(leaf), SealedBody.seal(aead, nonce, salt + draft.body, bound))

    def _keyed(self, kind: str, text: str | None) -> bytes | None:
        if text is None:
            return None
        known = self._hashes.get((kind, text))
        if known is None:
            if len(self._hashes) >= MAX_HASHES:
                self._hashes.clear()
            known = self._hashes[kind, text] = self._search.hash(kind, text)
        return known
