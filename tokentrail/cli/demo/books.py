"""What the demonstration asks of Postgres: how far the ledger is, what it holds, who lags."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from tokentrail.cli.demo.observer import TOPICS, Place
from tokentrail.config import Settings
from tokentrail.db import connect

READERS = ("ledger", "scorer")
OUTBOXES = ("issuer", "scorer", "ledger")


@dataclass(frozen=True, slots=True)
class Range:
    """Offsets of one partition, from `first` up to and without `end`."""

    first: int
    end: int


class Books:
    """One connection for looking; closed by `close`."""

    def __init__(self, settings: Settings) -> None:
        self._origin = settings.ledger_origin
        self._conn = connect(settings, "admin", autocommit=True)

    def close(self) -> None:
        """End the connection."""
        self._conn.close()

    def size(self) -> int:
        """Entries in the log; 0 while there is none."""
        row = self._conn.execute("select size from ledger.log where origin = %s", (self._origin,)).fetchone()
        return int(row[0]) if row else 0

    def held_ids(self, ranges: dict[Place, Range], from_index: int) -> list[str]:
        """Event ids of entries whose Kafka position lies in the ranges, one for each entry."""
        rows = self._conn.execute(
            """select e.topic, e.partition, e."offset", e.event_id::text
            from ledger.entry e join ledger.log l using (log_id)
            where l.origin = %s and e.index >= %s and e.topic = any(%s)""",
            (self._origin, from_index, list(TOPICS)),
        )
        nowhere = Range(0, 0)
        held = []
        for topic, partition, offset, event_id in rows:
            place = ranges.get((topic, partition), nowhere)
            if place.first <= offset < place.end:
                held.append(event_id)
        return held

    def behind(self, ends: dict[Place, int]) -> int:
        """Records that the ledger writer or the scorer has still to read; a reader not begun counts as behind."""
        total = 0
        for schema in READERS:
            positions = self._positions(schema)
            for place, end in ends.items():
                if schema == "scorer" and place not in positions:
                    continue  # the scorer reads only the topics it needs
                total += max(0, end - positions.get(place, 0))
        return total

    def waiting(self) -> int:
        """Events in the outboxes, not yet published."""
        total = 0
        for schema in OUTBOXES:
            table = sql.Identifier(schema, "outbox")
            row = self._conn.execute(sql.SQL("select count(*) from {}").format(table)).fetchone()
            total += int(row[0]) if row else 0
        return total

    def epochs(self, schema: str) -> dict[Place, int]:
        """How often each partition was claimed: a reader is at work when these have moved."""
        return self._partitions(schema, "epoch")

    def _positions(self, schema: str) -> dict[Place, int]:
        return self._partitions(schema, "next_offset")

    def _partitions(self, schema: str, column: str) -> dict[Place, int]:
        query = sql.SQL("select topic, partition, {} from {}").format(
            sql.Identifier(column), sql.Identifier(schema, "partition_position")
        )
        return {(topic, partition): value for topic, partition, value in self._conn.execute(query)}


def is_superuser(conn: psycopg.Connection) -> bool:
    """Whether this login may switch triggers off."""
    row = conn.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    return bool(row and row[0])
