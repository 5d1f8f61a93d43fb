"""Which drafts of a batch the log has already: the same bytes are a duplicate, other bytes a conflict."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from psycopg import Connection
from psycopg.rows import TupleRow

from tokentrail.ledger.leaf import COMMITMENT, Draft
from tokentrail.ledger.seal import KeyRing, SealedBody


@dataclass(frozen=True, slots=True)
class Judged:
    """Indexes into the batch: entries to append as they are, duplicates to drop, conflicts to record."""

    duplicates: set[int]
    conflicts: set[int]


def judge(conn: Connection[TupleRow], ring: KeyRing, log_id: int, drafts: list[Draft]) -> Judged:
    """Compare by event id, within the batch and with the log. The head must be locked.

    A body that can no longer be opened (its subject was forgotten) cannot be shown to be the same,
    so the second record is kept as a conflict rather than dropped.
    """
    duplicates: set[int] = set()
    conflicts: set[int] = set()
    first: dict[bytes, int] = {}
    for i, draft in enumerate(drafts):
        if draft.event_id is None:
            continue
        earlier = first.setdefault(draft.event_id, i)
        if earlier != i:
            (duplicates if drafts[earlier].body == draft.body else conflicts).add(i)
    for event_id, body in _stored(conn, ring, log_id, list(first)).items():
        for i, draft in enumerate(drafts):
            if draft.event_id == event_id:
                duplicates.discard(i)
                (duplicates if draft.body == body else conflicts).add(i)
    return Judged(duplicates, conflicts)


def _stored(
    conn: Connection[TupleRow], ring: KeyRing, log_id: int, event_ids: list[bytes]
) -> dict[bytes, bytes | None]:
    """Bodies in the log under these event ids; None for one that cannot be opened. Conflicts do not count."""
    if not event_ids:
        return {}
    rows = conn.execute(
        """select event_id, key_id, leaf, body from ledger.entry
        where event_id = any(%s::uuid[]) and log_id = %s and type <> 'EventConflict'""",
        ([event_id.hex() for event_id in event_ids], log_id),
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
