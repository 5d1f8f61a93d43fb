"""Give each queued event its issuer's sequence number and its final bytes, durably, before it is sent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from psycopg import Connection, sql

from tokentrail.codec import Codec
from tokentrail.events import DENYLIST, Event
from tokentrail.outbox.put import load


@dataclass(slots=True)
class Row:
    """A queued record, ready to be produced."""

    id: int
    topic: str
    key: bytes | None
    type: str
    event: Event | None
    value: bytes | None
    raw_headers: list[tuple[str, bytes]]


def number(conn: Connection, schema: str, issuer: str, stream: str, codec: Codec, limit: int) -> list[Row]:
    """Number and encode what is new, within the caller's transaction; returns the next rows to publish.

    Only the holder of the relay's lock calls this, so the sequence has one writer. Rows numbered by an
    attempt that failed come back with the bytes that they had.
    """
    outbox = sql.Identifier(schema, "outbox")
    found = conn.execute(
        sql.SQL("select id, topic, key, type, event, issuer_seq, value, headers from {} order by id limit %s").format(
            outbox
        ),
        (limit,),
    ).fetchall()
    rows: list[Row] = []
    fresh: list[tuple[Row, int]] = []
    next_seq: int | None = None
    for id_, topic, key, type_, stored, seq, value, packed in found:
        row = Row(id_, topic, key, type_, load(stored), value, _unpack(packed))
        rows.append(row)
        if value is not None or row.event is None:
            if row.event is not None and seq is not None:
                row.event |= {"issuer_stream": stream, "issuer_seq": seq}
            continue
        if topic == DENYLIST:
            row.value = codec.encode(topic, type_, row.event)
            continue
        if next_seq is None:
            next_seq = _next_seq(conn, schema, issuer, stream)
        row.event |= {"issuer": issuer, "issuer_stream": stream, "issuer_seq": next_seq}
        row.value = codec.encode(topic, type_, row.event)
        fresh.append((row, next_seq))
        next_seq += 1
    if fresh and next_seq is not None:
        _store(conn, schema, issuer, stream, fresh, next_seq)
    return rows


def _unpack(packed: bytes | None) -> list[tuple[str, bytes]]:
    return [(name, bytes.fromhex(content)) for name, content in json.loads(packed)] if packed else []


def _next_seq(conn: Connection, schema: str, issuer: str, stream: str) -> int:
    row = conn.execute(
        sql.SQL(
            """insert into {} (issuer, stream) values (%s, %s)
            on conflict (issuer, stream) do update set issuer = excluded.issuer returning next_seq"""
        ).format(sql.Identifier(schema, "sequence")),
        (issuer, stream),
    ).fetchone()
    return int(row[0]) if row else 0


def _store(
    conn: Connection, schema: str, issuer: str, stream: str, fresh: list[tuple[Row, int]], next_seq: int
) -> None:
    conn.execute(
        sql.SQL(
            """update {} o set issuer_seq = n.seq, value = n.value
            from unnest(%s::bigint[], %s::bigint[], %s::bytea[]) n(id, seq, value) where o.id = n.id"""
        ).format(sql.Identifier(schema, "outbox")),
        ([row.id for row, _ in fresh], [seq for _, seq in fresh], [row.value for row, _ in fresh]),
    )
    conn.execute(
        sql.SQL(
            """insert into {} (issuer, stream, issuer_seq, leaf_hash)
            select %s, %s, n.seq, n.hash from unnest(%s::bigint[], %s::bytea[]) n(seq, hash)"""
        ).format(sql.Identifier(schema, "published")),
        (
            issuer,
            stream,
            [seq for _, seq in fresh],
            [hashlib.sha256(b"\x00" + (row.value or b"")).digest() for row, _ in fresh],
        ),
    )
    conn.execute(
        sql.SQL("update {} set next_seq = %s where issuer = %s and stream = %s").format(
            sql.Identifier(schema, "sequence")
        ),
        (next_seq, issuer, stream),
    )
