"""Issuer statements: which events were sent, signed, so that loss and forgery before the ledger show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from psycopg import Connection, sql

from tokentrail.events import EVENTS, ISSUER_STATEMENT, new_event
from tokentrail.outbox.put import put

STATEMENT_SECONDS = 10
Signer = Callable[[dict[str, Any]], str]


def root_of(leaf_hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1 root over leaf hashes; SHA-256 of nothing for none."""
    if not leaf_hashes:
        return hashlib.sha256(b"").digest()
    level = leaf_hashes
    while len(level) > 1:
        paired = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = [*paired, level[-1]] if len(level) % 2 else paired
    return level[0]


def state_due(conn: Connection, schema: str, issuer: str, stream: str, signer: Signer) -> bool:
    """Queue a signed statement over what was numbered since the last one, once the interval has passed.

    The statement is an event with a number of its own, so the next statement covers it; one that would
    cover nothing but the last statement waits for a real event, so that an idle issuer stays silent.
    """
    sequence, published = sql.Identifier(schema, "sequence"), sql.Identifier(schema, "published")
    due = conn.execute(
        sql.SQL(
            """select stated_seq from {} where issuer = %s and stream = %s and stated_seq + 1 < next_seq
            and stated_at < clock_timestamp() - make_interval(secs => %s)"""
        ).format(sequence),
        (issuer, stream, STATEMENT_SECONDS),
    ).fetchone()
    if due is None:
        return False
    rows = conn.execute(
        sql.SQL(
            "delete from {} where issuer = %s and stream = %s and issuer_seq >= %s returning issuer_seq, leaf_hash"
        ).format(published),
        (issuer, stream, due[0]),
    ).fetchall()
    rows.sort()
    if not rows:
        return False
    first, last = rows[0][0], rows[-1][0]
    root = root_of([bytes(leaf_hash) for _, leaf_hash in rows])
    claims = {
        "iss": issuer,
        "stream": stream,
        "first_seq": first,
        "last_seq": last,
        "count": len(rows),
        "root_hash": root.hex(),
    }
    event = new_event(
        issuer=issuer, first_seq=first, last_seq=last, count=len(rows), root_hash=root, signature=signer(claims)
    )
    put(conn, schema, EVENTS, ISSUER_STATEMENT, event, issuer)
    conn.execute(
        sql.SQL(
            "update {} set stated_seq = %s, stated_at = clock_timestamp() where issuer = %s and stream = %s"
        ).format(sequence),
        (last + 1, issuer, stream),
    )
    return True
