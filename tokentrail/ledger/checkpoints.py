"""Signed checkpoints in the database: found by what they cover, added and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

COLUMNS = "tree_size, note, vkey, cosignatures, signed_at"


@dataclass(frozen=True, slots=True)
class Stored:
    """A checkpoint as stored. `note` is the signed note with its cosignatures, byte for byte."""

    tree_size: int
    note: str
    vkey: str
    cosignatures: int
    signed_at: datetime


def newest(conn: Connection[Any], log_id: int, *, covering: int = 0, vkey: str | None = None) -> Stored | None:
    """The newest checkpoint, if its tree has at least `covering` entries; of one size, that with most cosignatures."""
    found = history(conn, log_id, limit=1, vkey=vkey)
    return found[0] if found and found[0].tree_size >= covering else None


def history(
    conn: Connection[Any], log_id: int, *, limit: int = 100, below: int | None = None, vkey: str | None = None
) -> list[Stored]:
    """Checkpoints, newest first; `below` continues a listing under a tree size."""
    with conn.cursor(row_factory=class_row(Stored)) as cursor:
        return cursor.execute(
            f"""select {COLUMNS} from ledger.checkpoint
            where log_id = %(log)s and (%(below)s::bigint is null or tree_size < %(below)s)
            and (%(vkey)s::text is null or vkey = %(vkey)s)
            order by tree_size desc, cosignatures desc, signed_at desc limit %(limit)s""",  # noqa: S608 - our columns
            {"log": log_id, "below": below, "vkey": vkey, "limit": limit},
        ).fetchall()


def add(conn: Connection[Any], log_id: int, tree_size: int, note: str, vkey: str, cosignatures: int) -> bool:
    """Add a checkpoint; False if one of this size, key and number of cosignatures is there already."""
    done = conn.execute(
        """insert into ledger.checkpoint (log_id, tree_size, note, vkey, cosignatures) values (%s, %s, %s, %s, %s)
        on conflict do nothing""",
        (log_id, tree_size, note, vkey, cosignatures),
    )
    return done.rowcount == 1
