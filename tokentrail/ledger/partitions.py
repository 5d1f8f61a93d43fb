"""Partitions of the ledger's stream: where each goes on, which are halted, and how a person lets one go on.

A partition halts when Kafka no longer has the next record (retention was shorter than an outage). Nothing
is skipped by itself: a person accepts the gap by name, and that is an entry.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.errors import NotFound, Refused
from tokentrail.ledger import drafts
from tokentrail.ledger.own_entry import append_own, find_log

GAP_ACCEPTED = "GapAccepted"


@dataclass(frozen=True, slots=True)
class Position:
    """Where the ledger stands in a partition; `halted` says why it cannot go on, None if it can."""

    topic: str
    partition: int
    next_offset: int
    epoch: int
    owner: str
    halted: str | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def positions(conn: Connection[Any]) -> list[Position]:
    """All partitions that the ledger has read from."""
    rows = conn.execute(
        "select topic, partition, next_offset, epoch, owner, halted from ledger.partition_position order by 1, 2"
    ).fetchall()
    return [Position(*row) for row in rows]


def accept_gap(
    conn: Connection[Any], settings: Settings, topic: str, partition: int, to_offset: int, reason: str, person: str
) -> int:
    """Let a halted partition go on at `to_offset`; returns the index of the entry that says so.

    One transaction: the entry, the note of the offsets given up, the new position. Raises NotFound for a
    partition that is not halted, Refused for an offset that lies behind.
    """
    log_id = find_log(conn, settings.ledger_origin)
    with conn.transaction():
        row = conn.execute(
            "select next_offset, halted from ledger.partition_position where topic = %s and partition = %s for update",
            (topic, partition),
        ).fetchone()
        if row is None or row[1] is None:
            raise NotFound(f"{topic}[{partition}] is not halted: see `tokentrail partitions list`")
        first = int(row[0])
        if to_offset <= first:
            raise Refused(f"the ledger has all before offset {first}: --to must be greater")
        entry = drafts.own(
            GAP_ACCEPTED,
            topic=topic,
            partition=partition,
            first_offset=first,
            last_offset=to_offset - 1,
            halted=row[1],
            reason=reason,
            person=person,
        )
        index = append_own(conn, settings, log_id, [entry])
        conn.execute(
            "insert into ledger.skipped_offset (log_id, topic, partition, first_offset, last_offset, reason) "
            "values (%s, %s, %s, %s, %s, 'accepted')",
            (log_id, topic, partition, first, to_offset - 1),
        )
        conn.execute(
            "update ledger.partition_position set next_offset = %s, halted = null, epoch = epoch + 1, stalls = 0 "
            "where topic = %s and partition = %s",
            (to_offset, topic, partition),
        )
    return index
