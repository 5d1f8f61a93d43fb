"""Find an address or a device without storing it: HMAC under a random key of the log.

The key is wrapped like the data keys and survives a change of the wrapping key, and so do the hashes.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from tokentrail.ledger.seal import KEY_BYTES, MasterKey, unwrap

HASH_BYTES = 16


@dataclass(frozen=True, slots=True, repr=False)
class SearchKey:
    """A key that hashes fields for look-up."""

    key: bytes

    def hash(self, kind: str, text: str) -> bytes:
        """HMAC-SHA-256 of a field (`kind` is ip or device), cut to 16 bytes."""
        return hmac.digest(self.key, f"{kind}\0{text}".encode(), "sha256")[:HASH_BYTES]


def search_keys(conn: Connection[Any], log_id: int, masters: list[MasterKey]) -> list[SearchKey]:
    """The log's search keys that we can unwrap, oldest first. One, unless a wrapping key was lost."""
    rows = conn.execute(
        "select wrapping_key, wrapped from ledger.search_key where log_id = %s order by key_id", (log_id,)
    ).fetchall()
    keys = (unwrap(masters, wrapping_key, bytes(wrapped)) for wrapping_key, wrapped in rows)
    return [SearchKey(key) for key in keys if key is not None]


def writing_key(conn: Connection[Any], log_id: int, masters: list[MasterKey]) -> SearchKey:
    """The key to hash new entries with; made once, under the lock of the log's head."""
    found = search_keys(conn, log_id, masters)
    if not found:
        with conn.transaction():
            conn.execute("select from ledger.log where log_id = %s for update", (log_id,))
            found = search_keys(conn, log_id, masters)
            if not found:
                made = os.urandom(KEY_BYTES)
                conn.execute(
                    "insert into ledger.search_key (log_id, wrapping_key, wrapped) values (%s, %s, %s)",
                    (log_id, masters[0].id, masters[0].wrap(made)),
                )
                found = [SearchKey(made)]
    return found[0]
