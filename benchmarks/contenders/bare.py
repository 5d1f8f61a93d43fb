"""(b) The least that a Python consumer can do: decode, drop duplicates, binary COPY. No chain, no encryption.

usage: python -m benchmarks.contenders.bare TOPIC
"""

from __future__ import annotations

import io
import sys
from typing import Any

import psycopg
from fastavro import schemaless_reader

from benchmarks.contenders.consume import subscribed
from benchmarks.contenders.gate import Gate
from tokentrail.codec import Registry
from tokentrail.config import load_settings

BATCH = 5000
PG_EPOCH_MICROS = 946_684_800_000_000
TABLE = """create table if not exists audit_event (
    event_id uuid primary key, type text not null, issuer text not null, issuer_seq bigint not null, subject text,
    client_id text, session_id text, jti text, occurred_at timestamptz not null, body bytea not null)"""
POSITIONS = "create table if not exists audit_position (partition int primary key, next_offset bigint not null)"
COPY = """copy audit_event (event_id, type, issuer, issuer_seq, subject, client_id, session_id, jti, occurred_at, body)
    from stdin (format binary)"""
TYPES = ["bytea", "text", "text", "int8", "text", "text", "text", "text", "int8", "bytea"]


def rows(registry: Registry, messages: list[Any]) -> dict[bytes, tuple[Any, ...]]:
    """Rows by event id, of those that come for the first time in this batch."""
    found: dict[bytes, tuple[Any, ...]] = {}
    for message in messages:
        value = message.value()
        name, schema, _ = registry.writer(int.from_bytes(value[1:5], "big"))
        stream = io.BytesIO(value)
        stream.seek(5)
        event: Any = schemaless_reader(stream, schema, None)
        event_id = bytes.fromhex(event["event_id"].replace("-", ""))
        found.setdefault(
            event_id,
            (
                event_id,
                name,
                event["issuer"],
                event["issuer_seq"],
                event["subject"],
                event["client_id"],
                event["session_id"],
                event["jti"],
                event["occurred_at"] - PG_EPOCH_MICROS,
                value,
            ),
        )
    return found


def store(conn: psycopg.Connection[Any], messages: list[Any], found: dict[bytes, tuple[Any, ...]]) -> None:
    """One transaction: drop what is there, COPY the rest, move the positions."""
    with conn.transaction():
        ids = [event_id.hex() for event_id in found]
        for (known,) in conn.execute("select event_id from audit_event where event_id = any(%s::uuid[])", (ids,)):
            del found[known.bytes]
        with conn.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.set_types(TYPES)
            for row in found.values():
                copy.write_row(row)
        ends = {message.partition(): message.offset() + 1 for message in messages}
        with conn.cursor() as cursor:
            cursor.executemany(
                """insert into audit_position values (%s, %s)
                on conflict (partition) do update set next_offset = excluded.next_offset""",
                list(ends.items()),
            )


def main() -> None:
    """Write the topic into the table until the input ends."""
    settings, gate, topic = load_settings(), Gate(), sys.argv[1]
    registry = Registry(settings.require("schema_registry_url"))
    config = {
        "bootstrap.servers": settings.require("kafka_bootstrap"),
        "enable.auto.commit": False,
        "group.protocol": "consumer",
        "fetch.queue.backoff.ms": 10,
        "fetch.wait.max.ms": 50,
        "queued.max.messages.kbytes": 32 * 1024,
    }
    with psycopg.connect(settings.require("database_url")) as conn:
        conn.execute(TABLE)
        conn.execute(POSITIONS)
        conn.commit()
        client = subscribed(config, topic, gate)
        while not gate.ended.is_set():
            messages = [m for m in client.consume(BATCH, 0.02) if m.error() is None]
            if messages:
                store(conn, messages, rows(registry, messages))
                gate.wrote(len(messages))
        client.close()


if __name__ == "__main__":
    main()
