"""Entries from the database in order of index, streamed, in the form that the checks compare fastest."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

BATCH = 4096
_INT8 = struct.Struct("!q")
PG_EPOCH_MICROS = 946_684_800_000_000

COLUMNS = (
    'index, leaf, leaf_hash, chain_hash, topic, partition, "offset", kafka_time, event_id, type, issuer, '
    "issuer_stream, issuer_seq, subject, client_id, session_id, jti, occurred_at, schema_id, ip_hash, device_hash, "
    "key_id, body"
)


class Row(NamedTuple):
    """A row of ledger.entry. Times are microseconds since 1970; event_id is 16 bytes."""

    index: int  # type: ignore[assignment]  # shadows tuple.index, which nobody calls
    leaf: bytes
    leaf_hash: bytes
    chain_hash: bytes
    topic: str | None
    partition: int | None
    offset: int | None
    kafka_time: int | None
    event_id: bytes | None
    type: str
    issuer: str | None
    issuer_stream: str | None
    issuer_seq: int | None
    subject: str | None
    client_id: str | None
    session_id: str | None
    jti: str | None
    occurred_at: int | None
    schema_id: int | None
    ip_hash: bytes | None
    device_hash: bytes | None
    key_id: int | None
    body: bytes


class _Micros(Loader):
    """timestamptz as integer microseconds: datetime objects cost more than the hash of the entry."""

    format = Format.BINARY

    def load(self, data: Buffer) -> int:
        return int(_INT8.unpack(data)[0]) + PG_EPOCH_MICROS


class _Raw(Loader):
    """uuid as its 16 bytes."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def stream(conn: Connection[Any], log_id: int, start: int = 0) -> Iterator[list[Row]]:
    """Batches of rows from `start` on. One snapshot for the whole walk: the transaction must be open.

    Rows come in order of (index, appended_at), so that an index that is there twice is seen twice.
    """
    with conn.cursor(name="tokentrail_verify", row_factory=_row_factory, binary=True) as cursor:
        cursor.adapters.register_loader("timestamptz", _Micros)
        cursor.adapters.register_loader("uuid", _Raw)
        cursor.execute(
            f"select {COLUMNS} from ledger.entry where log_id = %s and index >= %s order by index, appended_at",  # noqa: S608
            (log_id, start),
        )
        while batch := cursor.fetchmany(BATCH):
            yield batch


def _row_factory(_cursor: Any) -> Any:
    return Row._make
