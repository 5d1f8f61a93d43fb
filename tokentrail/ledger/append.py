"""Append a batch to the log: lock the head, give places, chain, grow the tree, COPY, move the head.

All within the caller's transaction. The row lock on ledger.log makes one writer at a time, so the order
of commits is the order of indexes. What this object remembers (the tree's edge) is used only if the head
in the database is the one it was made for; after a rollback it is simply not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from tokentrail.ledger.edge import load_edge
from tokentrail.ledger.tree import Edge, Tile

# Binary COPY checks lengths, not types: bytes of the right form go in as uuid and timestamptz, and save
# the conversion of objects, which costs more than all else here.
COLUMNS = (
    ("log_id", "int4"),
    ("index", "int8"),
    ("topic", "text"),
    ("partition", "int4"),
    ('"offset"', "int8"),
    ("kafka_time", "int8"),
    ("event_id", "bytea"),
    ("type", "text"),
    ("issuer", "text"),
    ("issuer_stream", "text"),
    ("issuer_seq", "int8"),
    ("subject", "text"),
    ("client_id", "text"),
    ("session_id", "text"),
    ("jti", "text"),
    ("occurred_at", "int8"),
    ("schema_id", "int4"),
    ("ip_hash", "bytea"),
    ("device_hash", "bytea"),
    ("key_id", "int8"),
    ("leaf", "bytea"),
    ("leaf_hash", "bytea"),
    ("chain_hash", "bytea"),
    ("body", "bytea"),
    ("appended_at", "int8"),
)
COPY_SQL = f"copy ledger.entry ({', '.join(name for name, _ in COLUMNS)}) from stdin (format binary)"
COPY_TYPES = [type_ for _, type_ in COLUMNS]
# timestamptz counts microseconds from 2000-01-01 UTC.
PG_EPOCH_MICROS = 946_684_800_000_000


@dataclass(slots=True)
class Sealed:
    """A draft made ready: its row values between index and leaf, the leaf, its hash and the sealed body."""

    row: tuple[object, ...]
    leaf: bytes
    leaf_hash: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The log's head as locked: `now` in microseconds since 1970 by the database's clock, never going back.

    Entries lie in partitions by this time; were it to go back, a month would not be one range of indexes.
    """

    size: int
    chain_hash: bytes
    key_epoch: int
    now: int


class Appender:
    """Appends to one log. Owned by one thread; `confirm` after COMMIT, `reset` after anything else."""

    def __init__(self, log_id: int) -> None:
        self.log_id = log_id
        self._edge: Edge | None = None
        self._edge_chain: bytes = b""
        self._pending: tuple[Edge, bytes] | None = None
        self._months: set[int] = set()

    def reset(self) -> None:
        """Forget everything; the next append reads the edge anew."""
        self._edge = self._pending = None

    def confirm(self) -> None:
        """The transaction of the last append committed."""
        if self._pending is not None:
            self._edge, self._edge_chain = self._pending
            self._pending = None

    def lock_head(self, conn: Connection[TupleRow]) -> Head:
        """Lock the log's head row until the end of the transaction."""
        row = conn.execute(
            """select size, chain_hash, key_epoch,
                (extract(epoch from greatest(clock_timestamp(), updated_at)) * 1000000)::bigint
            from ledger.log where log_id = %s for update""",
            (self.log_id,),
        ).fetchone()
        if row is None:
            raise LookupError(f"there is no log {self.log_id}")
        return Head(row[0], bytes(row[1]), row[2], row[3])

    def append(self, conn: Connection[TupleRow], head: Head, sealed: list[Sealed]) -> int:
        """Write the entries after `head`; returns the new size. The head must be locked by this transaction."""
        if not sealed:
            return head.size
        if self._edge is None or self._edge.size != head.size or self._edge_chain != head.chain_hash:
            self._edge, self._edge_chain = load_edge(conn, self.log_id, head.size), head.chain_hash
        self._ensure_month(conn, head.now)
        chain = self._copy(conn, head, sealed)
        edge, tiles = self._edge.extended([entry.leaf_hash for entry in sealed])
        self._store_tiles(conn, tiles)
        conn.execute(
            """update ledger.log set size = %s, chain_hash = %s, root_hash = %s,
                updated_at = timestamptz 'epoch' + %s * interval '1 microsecond' where log_id = %s""",
            (edge.size, chain, edge.root(), head.now, self.log_id),
        )
        self._pending = (edge, chain)
        return edge.size

    def _copy(self, conn: Connection[TupleRow], head: Head, sealed: list[Sealed]) -> bytes:
        chain, index, log_id = head.chain_hash, head.size, self.log_id
        appended_at = head.now - PG_EPOCH_MICROS
        sha256 = hashlib.sha256
        with conn.cursor() as cursor, cursor.copy(COPY_SQL) as copy:
            copy.set_types(COPY_TYPES)
            write_row = copy.write_row
            for entry in sealed:
                chain = sha256(b"\x02" + chain + entry.leaf_hash).digest()
                write_row((log_id, index, *entry.row, entry.leaf, entry.leaf_hash, chain, entry.body, appended_at))
                index += 1
        return chain

    def _store_tiles(self, conn: Connection[TupleRow], tiles: list[Tile]) -> None:
        if not tiles:
            return
        with (
            conn.cursor() as cursor,
            cursor.copy("copy ledger.tile (log_id, level, n, root, hashes) from stdin (format binary)") as copy,
        ):
            copy.set_types(["int4", "int2", "int8", "bytea", "bytea"])
            for tile in tiles:
                copy.write_row((self.log_id, tile.level, tile.n, tile.root, tile.hashes))

    def _ensure_month(self, conn: Connection[TupleRow], now: int) -> None:
        month = now // (28 * 86_400_000_000)  # finer than a month, so none is missed
        if month not in self._months:
            conn.execute("select ledger.ensure_month(to_timestamp(%s / 1e6))", (now,))
            self._months.add(month)


def uuid_bytes(text: str) -> bytes:
    """The 16 bytes of a UUID in text form."""
    return bytes.fromhex(text.replace("-", ""))


def pg_micros(unix_micros: int) -> int | None:
    """timestamptz in its binary form, None for the leaf's null."""
    return None if unix_micros == -1 else unix_micros - PG_EPOCH_MICROS
