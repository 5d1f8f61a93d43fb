"""Entries as rows of PostgreSQL's binary COPY, built whole before the log's head is locked.

What the place in the log decides (index, chain hash, time of appending) stands last in the row, so that
under the lock nothing but those 60 bytes is made. Bytes of the right form go in as uuid and timestamptz.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from tokentrail.ledger.leaf import Draft

COLUMNS = (
    "log_id", "partition", '"offset"', "kafka_time", "issuer_seq", "occurred_at", "schema_id", "key_id", "event_id",
    "topic", "type", "issuer", "issuer_stream", "subject", "client_id", "session_id", "jti", "ip_hash", "device_hash",
    "leaf", "leaf_hash", "body", "index", "chain_hash", "appended_at",
)  # fmt: skip
COPY_SQL = f"copy ledger.entry ({', '.join(COLUMNS)}) from stdin (format binary)"
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
# timestamptz counts microseconds from 2000-01-01 UTC.
PG_EPOCH_MICROS = 946_684_800_000_000

_COUNT = struct.pack(">h", len(COLUMNS))
_NULL = struct.pack(">i", -1)
# Fields of an entry that came from Kafka and could be read: each four bytes of length, then the number.
_NUMBERS = struct.Struct(">hiiiiiqiqiqiqiiiqi16s")
_PLACE = struct.Struct(">iqi32siq")


@dataclass(slots=True)
class Sealed:
    """An entry made ready: its row up to what its place decides, and its leaf hash."""

    row: bytes
    leaf_hash: bytes


class Entries(Protocol):
    """A batch of entries made ready. A list of Sealed, by `Rows`, or the native part's own."""

    def __len__(self) -> int:
        """How many."""

    def leaf_hashes(self) -> list[bytes]:
        """Their leaf hashes, in order."""

    def placed(self, chain: bytes, index: int, appended_at: int) -> tuple[bytes, bytes]:
        """(the COPY rows from `index` on, chain hash of the last). `appended_at` is in the server's count."""

    def entries(self) -> list[Sealed]:
        """One by one, for batches from which some are dropped."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Entries one by one."""

    sealed: list[Sealed]

    def __len__(self) -> int:
        return len(self.sealed)

    def leaf_hashes(self) -> list[bytes]:
        """As Entries says."""
        return [entry.leaf_hash for entry in self.sealed]

    def placed(self, chain: bytes, index: int, appended_at: int) -> tuple[bytes, bytes]:
        """As Entries says."""
        sha256, pack = hashlib.sha256, _PLACE.pack
        parts: list[bytes] = []
        add = parts.append
        for entry in self.sealed:
            chain = sha256(b"\x02" + chain + entry.leaf_hash).digest()
            add(entry.row)
            add(pack(8, index, 32, chain, 8, appended_at))
            index += 1
        return b"".join(parts), chain

    def entries(self) -> list[Sealed]:
        """As Entries says."""
        return self.sealed


def copy_row(
    log_id: int,
    draft: Draft,
    key_id: int,
    hashes: tuple[bytes | None, bytes | None],
    leaf: bytes,
    leaf_hash: bytes,
    body: bytes,
) -> bytes:
    """The row of an entry up to its place. `hashes` are the keyed ones of address and device, `body` is sealed."""
    ip, device = hashes
    return b"".join(
        (
            _numbers(log_id, draft, key_id),
            _text(draft.topic),
            _text(draft.type),
            _text(draft.issuer),
            _text(draft.issuer_stream),
            _text(draft.subject),
            _text(draft.client_id),
            _text(draft.session_id),
            _bytes(None if draft.jti is None else draft.jti.encode()),
            _bytes(ip),
            _bytes(device),
            len(leaf).to_bytes(4, "big"),
            leaf,
            b"\0\0\0\x20",
            leaf_hash,
            len(body).to_bytes(4, "big"),
            body,
        )
    )


def _numbers(log_id: int, draft: Draft, key_id: int) -> bytes:
    if draft.event_id is not None and draft.topic is not None and draft.kafka_time != -1:
        return _NUMBERS.pack(
            len(COLUMNS), 4, log_id, 4, draft.partition, 8, draft.offset,
            8, draft.kafka_time * 1000 - PG_EPOCH_MICROS, 8, draft.issuer_seq, 8, draft.occurred_at - PG_EPOCH_MICROS,
            4, draft.schema_id, 8, key_id, 16, draft.event_id,
        )  # fmt: skip
    return b"".join(
        (
            _COUNT,
            _int(log_id, 4),
            _NULL if draft.partition == -1 else _int(draft.partition, 4),
            _NULL if draft.offset == -1 else _int(draft.offset, 8),
            _NULL if draft.kafka_time == -1 else _int(draft.kafka_time * 1000 - PG_EPOCH_MICROS, 8),
            _NULL if draft.issuer_seq == -1 else _int(draft.issuer_seq, 8),
            _NULL if draft.occurred_at == -1 else _int(draft.occurred_at - PG_EPOCH_MICROS, 8),
            _NULL if draft.schema_id == -1 else _int(draft.schema_id, 4),
            _int(key_id, 8),
            _bytes(draft.event_id),
        )
    )


def _int(value: int, width: int) -> bytes:
    return width.to_bytes(4, "big") + value.to_bytes(width, "big", signed=True)


@lru_cache(maxsize=65536)
def _text(text: str | None) -> bytes:
    """Cached, since issuers, clients, types and subjects come again and again."""
    return _bytes(None if text is None else text.encode())


def _bytes(raw: bytes | None) -> bytes:
    return _NULL if raw is None else len(raw).to_bytes(4, "big") + raw


def leaf_hashes(groups: Iterable[Entries]) -> list[bytes]:
    """Of several batches, in order."""
    return [leaf_hash for group in groups for leaf_hash in group.leaf_hashes()]
