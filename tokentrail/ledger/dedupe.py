"""Which drafts of a batch the log has already: the same bytes are a duplicate, other bytes a conflict."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import TupleRow

from tokentrail.ledger.batch import Batch
from tokentrail.ledger.leaf import COMMITMENT
from tokentrail.ledger.seal import KeyRing, SealedBody

UUID_OID = 2950


@dataclass(frozen=True, slots=True)
class Judged:
    """Indexes into the batch: entries to append as they are, duplicates to drop, conflicts to record."""

    duplicates: set[int]
    conflicts: set[int]


def judge(conn: Connection[TupleRow], ring: KeyRing, batch: Batch) -> Judged:
    """Compare by event id, within the batch and with the log. The head must be locked.

    A body that can no longer be opened (its subject was forgotten) cannot be shown to be the same,
    so the second record is kept as a conflict rather than dropped.
    """
    ids = batch.event_ids
    first = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
    first.pop(None, None)
    duplicates: set[int] = set()
    conflicts: set[int] = set()
    if len(first) < len(ids):
        for i, event_id in enumerate(ids):
            if event_id is not None and first[event_id] != i:
                (duplicates if batch.body(first[event_id]) == batch.body(i) else conflicts).add(i)
    known = [event_id for event_id in first if event_id is not None]
    for stored_id, body in _stored(conn, ring, known).items():
        for i, event_id in enumerate(ids):
            if event_id == stored_id:
                duplicates.discard(i)
                (duplicates if batch.body(i) == body else conflicts).add(i)
    return Judged(duplicates, conflicts)


class _Uuids(bytes):
    """UUIDs of 16 bytes, one after the other, as a parameter of type uuid[]."""


class _UuidsDumper(Dumper):
    """Binary form of a one-dimensional array without nulls: no text to make here and to parse there."""

    format = Format.BINARY
    oid = 2951

    def dump(self, obj: bytes) -> bytes:
        count = len(obj) // 16
        items = b"".join([b"\0\0\0\x10" + obj[at : at + 16] for at in range(0, len(obj), 16)])
        return struct.pack(">iiIii", 1, 0, UUID_OID, count, 1) + items


def _stored(conn: Connection[TupleRow], ring: KeyRing, event_ids: list[bytes]) -> dict[bytes, bytes | None]:
    """Bodies in the log under these event ids; None for one that cannot be opened. Conflicts do not count."""
    if not event_ids:
        return {}
    with conn.cursor() as cursor:
        cursor.adapters.register_dumper(_Uuids, _UuidsDumper)
        rows = cursor.execute(
            """select event_id, key_id, leaf, body from ledger.entry
            where event_id = any(%b) and log_id = %s and type <> 'EventConflict'""",
            (_Uuids(b"".join(event_ids)), ring.log_id),
        ).fetchall()
    if not rows:
        return {}
    keys = ring.opening_keys(row[1] for row in rows)
    stored: dict[bytes, bytes | None] = {}
    for event_id, key_id, leaf, sealed in rows:
        try:
            stored[event_id.bytes] = SealedBody.open(keys[key_id], bytes(sealed), bytes(leaf)[COMMITMENT])[1]
        except (KeyError, InvalidTag):
            stored[event_id.bytes] = None
    return stored
