"""What is written when a token is granted: its row, and the events that tell of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from tokentrail import events
from tokentrail.outbox.put import dump

TokenRow = tuple[bytes, str, str, str, str | None, str | None, str, str | None, int, int, str | None]
"""token_hash, jti, client_id, subject, sid, family, audience, scope, issued_at, expires_at, cnf_jkt"""

_INSERT_TOKENS = """
insert into issuer.access_token
    (token_hash, jti, client_id, subject, sid, family, audience, scope, issued_at, expires_at, cnf_jkt)
select * from unnest(%b::bytea[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::bigint[], %s::bigint[], %s::text[])
"""

_INSERT_EVENTS = """
insert into issuer.outbox (topic, key, type, event) select %s, * from unnest(%b::bytea[], %s::text[], %b::bytea[])
"""


@dataclass(frozen=True)
class Record:
    """Rows that belong together: all are committed or none."""

    tokens: list[TokenRow] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def write(conn: Connection, records: list[Record]) -> None:
    """Write the rows of many records with two statements, in the caller's transaction."""
    tokens = [row for record in records for row in record.tokens]
    queued = [entry for record in records for entry in record.events]
    if tokens:
        conn.execute(_INSERT_TOKENS, [list(column) for column in zip(*tokens, strict=True)])
    if queued:
        conn.execute(
            _INSERT_EVENTS,
            (
                events.EVENTS,
                [_key(event) for _, event in queued],
                [type_ for type_, _ in queued],
                [dump(event) for _, event in queued],
            ),
        )


def _key(event: dict[str, Any]) -> bytes | None:
    key = events.partition_key(event)
    return key.encode() if key is not None else None
