"""Issuer statements held against the entries: what an issuer says it sent, and what the ledger has.

A statement covers a range of the issuer's own sequence numbers with a count and the RFC 6962 root over the
value bytes of its events. A number missing means loss before the ledger, a number twice or another root
means that somebody else wrote in the issuer's name, and the signature keeps the issuer from denying it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from tokentrail.events import Event
from tokentrail.ledger.leaf import COMMITMENT, Draft, leaf_hash
from tokentrail.ledger.seal import KeyRing, SealedBody
from tokentrail.ledger.tree import fold

STATEMENT_DIFFERS = "StatementDiffers"
OWN_TYPES = ("EventConflict", "Unreadable")


@dataclass(frozen=True, slots=True)
class Statement:
    """A row of ledger.statement that is still to be judged; age in seconds."""

    event_id: str
    issuer: str
    stream: str
    first_seq: int
    last_seq: int
    count: int
    root_hash: bytes
    signature: str
    age: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What a statement's range looks like in the ledger."""

    missing: list[tuple[int, int]] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    root_differs: bool = False
    forgotten: int = 0

    @property
    def complete(self) -> bool:
        """Everything stated is there, once, as stated."""
        return not (self.missing or self.repeated or self.root_differs)


def store(conn: Connection[Any], log_id: int, draft: Draft, event: Event) -> None:
    """Note a statement, in the transaction that appends it."""
    conn.execute(
        """insert into ledger.statement
            (log_id, event_id, issuer, stream, first_seq, last_seq, count, root_hash, signature)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
        (
            log_id,
            event["event_id"],
            draft.issuer,
            draft.issuer_stream,
            event["first_seq"],
            event["last_seq"],
            event["count"],
            event["root_hash"],
            event["signature"],
        ),
    )


def unjudged(conn: Connection[Any], log_id: int) -> list[Statement]:
    """Statements still to be judged, oldest first."""
    rows = conn.execute(
        """select event_id::text, issuer, stream, first_seq, last_seq, count, root_hash, signature,
            extract(epoch from clock_timestamp() - seen_at)::float8
        from ledger.statement where log_id = %s and judged_at is null order by seen_at limit 100""",
        (log_id,),
    ).fetchall()
    return [Statement(*row) for row in rows]


def judge(conn: Connection[Any], ring: KeyRing, log_id: int, said: Statement) -> Finding:
    """Look the range up in the ledger and compute its root from the opened bodies."""
    rows = conn.execute(
        """select issuer_seq, key_id, leaf, body from ledger.entry
        where log_id = %s and issuer_seq between %s and %s and issuer = %s and issuer_stream = %s
          and type <> all(%s) order by issuer_seq""",
        (log_id, said.first_seq, said.last_seq, said.issuer, said.stream, list(OWN_TYPES)),
    ).fetchall()
    seen = Counter(row[0] for row in rows)
    missing = _ranges([seq for seq in range(said.first_seq, said.last_seq + 1) if seq not in seen])
    repeated = sorted(seq for seq, times in seen.items() if times > 1)
    if missing or repeated:
        return Finding(missing, repeated)
    keys = ring.opening_keys(row[1] for row in rows)
    hashes = []
    for _, key_id, leaf, sealed in rows:
        if key_id in keys:
            body = SealedBody.open(keys[key_id], bytes(sealed), bytes(leaf)[COMMITMENT])[1]
            hashes.append(leaf_hash(body))
    forgotten = len(rows) - len(hashes)
    differs = not forgotten and (said.count != len(rows) or fold(hashes) != said.root_hash)
    return Finding(root_differs=differs, forgotten=forgotten)


def predecessor_known(conn: Connection[Any], log_id: int, said: Statement) -> bool:
    """Whether the statement that must come before this one is in the ledger."""
    if said.first_seq == 0:
        return True
    row = conn.execute(
        "select 1 from ledger.statement where log_id = %s and issuer = %s and stream = %s and last_seq = %s",
        (log_id, said.issuer, said.stream, said.first_seq - 1),
    ).fetchone()
    return row is not None


def settle(conn: Connection[Any], log_id: int, said: Statement, verdict: str) -> bool:
    """Store the verdict; False if another writer did so before."""
    return (
        conn.execute(
            "update ledger.statement set judged_at = clock_timestamp(), verdict = %s "
            "where log_id = %s and event_id = %s and judged_at is null",
            (verdict, log_id, said.event_id),
        ).rowcount
        == 1
    )


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
