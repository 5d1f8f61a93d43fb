"""After a restore from backup: a new origin whose entry 0 carries the head that was signed last.

The old origin can not go on: entries that were signed are gone, and a log that shrank is a log that lied.
The new one says openly where it comes from, and takes the old one's place in Kafka's partitions.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.errors import Refused
from tokentrail.ledger.drafts import own
from tokentrail.ledger.head import open_log
from tokentrail.ledger.leaf import Draft
from tokentrail.ledger.own_entry import append_own
from tokentrail.ledger.stored_tree import StoredTree

ORIGIN_RESTORED = "OriginRestored"
# Offsets before the restore hold no entry of the new log.
EARLIER_LOG = "earlier_log"


def holds(conn: Connection[Any], origin: str, size: int, root: bytes) -> bool:
    """Whether the log still is the one that was signed at this size: then nothing needs a new origin."""
    row = conn.execute("select log_id, size from ledger.log where origin = %s", (origin,)).fetchone()
    return row is not None and row[1] >= size and StoredTree(conn, row[0]).root(size) == root


def restore_origin(
    conn: Connection[Any], settings: Settings, new_origin: str, *, old: tuple[str, int, bytes], note: str
) -> int:
    """Start the log `new_origin` after the `old` one (origin, size and root as in `note`); returns its id.

    In the caller's transaction, under the writer's role. Raises Refused if that log has entries already.
    """
    log_id = open_log(conn, new_origin)
    size = conn.execute("select size from ledger.log where log_id = %s for update", (log_id,)).fetchone()
    if size is None or size[0] != 0:
        raise Refused(f"the log {new_origin} has entries already: choose another --new-origin")
    positions = conn.execute(
        "select topic, partition, next_offset from ledger.partition_position where next_offset > 0 order by 1, 2"
    ).fetchall()
    append_own(conn, settings, log_id, [_entry(conn, old, note, positions)])
    for topic, partition, next_offset in positions:
        conn.execute(
            """insert into ledger.skipped_offset (log_id, topic, partition, first_offset, last_offset, reason)
            values (%s, %s, %s, 0, %s, %s)""",
            (log_id, topic, partition, next_offset - 1, EARLIER_LOG),
        )
    return log_id


def _entry(conn: Connection[Any], old: tuple[str, int, bytes], note: str, positions: list[Any]) -> Draft:
    """The old head stands in the leaf itself, where everybody can read it; the body holds the whole note."""
    origin, size, root = old
    found = conn.execute("select size, root_hash from ledger.log where origin = %s", (origin,)).fetchone()
    draft = own(
        ORIGIN_RESTORED,
        old_origin=origin,
        old_checkpoint=note,
        restored_size=found[0] if found else None,
        restored_root=base64.b64encode(bytes(found[1])).decode() if found else None,
        positions=[[topic, partition, next_offset] for topic, partition, next_offset in positions],
    )
    draft.client_id = origin
    draft.jti = json.dumps([size, base64.b64encode(root).decode()], separators=(",", ":"))
    return draft
