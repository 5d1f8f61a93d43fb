"""Write entries as the ledger writer does, on any day: months that have passed cannot be waited for."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from confluent_kafka import KafkaError
from psycopg import Connection

from consumers.ledger_writer import LedgerSink
from tests.feed import token_used
from tokentrail.codec import Codec
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.events import EVENTS, TOKEN_USED, uuid7
from tokentrail.ledger.append import Appender, Head
from tokentrail.ledger.head import open_log
from tokentrail.ledger.notes import NoteKey, checkpoint_text
from tokentrail.ledger.stored_tree import StoredTree
from tokentrail.stream import Claim


@dataclass
class Record:
    """A Kafka record by its parts."""

    value_: bytes
    offset_: int
    time: int
    partition_: int = 0

    def topic(self) -> str:
        return EVENTS

    def partition(self) -> int:
        return self.partition_

    def offset(self) -> int:
        return self.offset_

    def timestamp(self) -> tuple[int, int]:
        return 1, self.time

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return self.value_

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return None

    def error(self) -> KafkaError | None:
        return None


class DatedAppender(Appender):
    """Appends at the time it is told."""

    at: int | None = None

    def lock_head(self, conn: Connection[Any]) -> Head:
        head = super().lock_head(conn)
        return head if self.at is None else replace(head, now=self.at)


class Book:
    """A ledger and its writer. Offsets go on in one partition."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        self.settings = settings
        self.codec = Codec(settings.require("schema_registry_url"))
        with connect(settings, "writer", autocommit=True) as conn:
            self.log_id = open_log(conn, settings.ledger_origin)
        self._random = random.Random(seed)  # noqa: S311 - test data
        self._stream = uuid7()
        self._seq = self._offset = 0
        self._sink = LedgerSink(settings, self.log_id, self.codec)
        self._appender = self._sink._appender = DatedAppender(self.log_id)
        self._conn = connect(settings, "writer")
        self._sink.claimed(self._conn, Claim(EVENTS, 0, "", 1, 0))

    def close(self) -> None:
        """Close the connections."""
        self._sink.lost([])
        self._conn.close()

    def event(self, at: datetime, **over: Any) -> tuple[dict[str, Any], Record]:
        """An event that the broker took at this time, with its record."""
        event = token_used(self._random, issuer_stream=self._stream, issuer_seq=self._seq, **over)
        event["occurred_at"] = int(at.timestamp() * 1_000_000)
        value = self.codec.encode(EVENTS, TOKEN_USED, event)
        record = Record(value, self._offset, int(at.timestamp() * 1000))
        self._seq += 1
        self._offset += 1
        return event, record

    def write(self, at: datetime | None, count: int, **over: Any) -> list[dict[str, Any]]:
        """Append `count` events of that time (now, if None); returns them."""
        made = [self.event(at or datetime.now(UTC), **over) for _ in range(count)]
        self.append(at, [record for _, record in made])
        return [event for event, _ in made]

    def append(self, at: datetime | None, records: list[Record]) -> None:
        """Append records in one transaction, with the partition's position."""
        self._appender.at = None if at is None else int(at.timestamp() * 1_000_000)
        prepared = self._sink.prepare(list(records))
        with self._conn.transaction():
            self._sink.write(self._conn, prepared)
            self._conn.execute(
                """insert into ledger.partition_position (topic, partition, topic_id, owner, next_offset)
                values (%s, 0, '', 'test', %s)
                on conflict (topic, partition) do update set next_offset = excluded.next_offset""",
                (EVENTS, self._offset),
            )
        self._sink.committed(prepared)

    def sign(self, key: NoteKey) -> str:
        """Sign and store a checkpoint over the whole log; returns the note."""
        with psycopg.connect(self.settings.require("database_url")) as conn:
            size = conn.execute("select size from ledger.log where log_id = %s", (self.log_id,)).fetchone()
            assert size is not None
            note = key.sign(
                checkpoint_text(self.settings.ledger_origin, size[0], StoredTree(conn, self.log_id).root(size[0]))
            )
            conn.execute(
                "insert into ledger.checkpoint (log_id, tree_size, note, vkey) values (%s, %s, %s, %s)",
                (self.log_id, size[0], note, key.vkey),
            )
        return note
