"""The leaf: the exact bytes that are hashed, chained and proved. Its format is public (docs/formats.md).

    "tokentrail.leaf" 0x01
    partition i32 | offset i64 | kafka_time i64 ms | occurred_at i64 us | schema_id i32 | issuer_seq i64
    commitment 32 bytes: SHA-256(salt 32 bytes || body)
    then nine fields, each a length u16 and that many bytes, 0xFFFF for null:
    topic, event_id (16 bytes), type, issuer, issuer_stream, subject, client_id, session_id, jti

All integers are big-endian; -1 stands for null. The index is not part of the leaf: the tree gives it.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import lru_cache

MAGIC = b"tokentrail.leaf\x01"
FIXED = struct.Struct(">iqqqiq32s")
# Where the commitment lies in every leaf.
COMMITMENT = slice(len(MAGIC) + FIXED.size - 32, len(MAGIC) + FIXED.size)
NULL = b"\xff\xff"
_LENGTH = [n.to_bytes(2, "big") for n in range(1024)]


@dataclass(slots=True)
class Draft:
    """An entry before it has a place: the leaf's fields, the body in clear, and its keyed hashes.

    `event_id` is 16 bytes; times are integers (kafka_time in ms, occurred_at in us since 1970), -1 for null.
    """

    topic: str | None
    partition: int
    offset: int
    kafka_time: int
    event_id: bytes | None
    type: str
    issuer: str | None
    issuer_stream: str | None
    issuer_seq: int
    subject: str | None
    client_id: str | None
    session_id: str | None
    jti: str | None
    occurred_at: int
    schema_id: int
    body: bytes
    ip: str | None = None
    device_id: str | None = None


@lru_cache(maxsize=65536)
def _field(text: str | None) -> bytes:
    """A length-prefixed text; cached, since issuers, clients, types and subjects come again and again."""
    if text is None:
        return NULL
    raw = text.encode()
    return _LENGTH[len(raw)] + raw


def leaf_bytes(draft: Draft, commitment: bytes) -> bytes:
    """The leaf of an entry. `commitment` is 32 bytes."""
    jti, event_id = draft.jti, draft.event_id
    raw_jti = NULL if jti is None else _LENGTH[len(jti.encode())] + jti.encode()
    return b"".join(
        (
            MAGIC,
            FIXED.pack(
                draft.partition,
                draft.offset,
                draft.kafka_time,
                draft.occurred_at,
                draft.schema_id,
                draft.issuer_seq,
                commitment,
            ),
            _field(draft.topic),
            NULL if event_id is None else b"\x00\x10" + event_id,
            _field(draft.type),
            _field(draft.issuer),
            _field(draft.issuer_stream),
            _field(draft.subject),
            _field(draft.client_id),
            _field(draft.session_id),
            raw_jti,
        )
    )


def commitment(salt: bytes, body: bytes) -> bytes:
    """SHA-256(salt || body): binds the body without telling anything of it."""
    return hashlib.sha256(salt + body).digest()


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962 section 2.1: SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def chain_hash(previous: bytes, leaf_hash_: bytes) -> bytes:
    """SHA-256(0x02 || chain hash of the entry before || leaf hash); 32 zero bytes before the first."""
    return hashlib.sha256(b"\x02" + previous + leaf_hash_).digest()
