"""Append a batch to the log: lock the head, give places, chain, grow the tree, COPY, move the head.

All within the caller's transaction. The row lock on ledger.log makes one writer at a time, so the order
of commits is the order of indexes. What this object remembers (the tree's edge) is used only if the head
in the database is the one it was made for; after a rollback it is simply not.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from tokentrail.ledger.copy_row import COPY_SQL, HEADER, PG_EPOCH_MICROS, TRAILER, Entries, leaf_hashes
from tokentrail.ledger.edge import load_edge
from tokentrail.ledger.tree import Edge, Tile


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
        self._months.clear()  # a month made in a transaction that rolled back is not there

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

    def append(self, conn: Connection[TupleRow], head: Head, *groups: Entries) -> int:
        """Write the entries after `head`; returns the new size. The head must be locked by this transaction."""
        hashes = leaf_hashes(groups)
        if not hashes:
            return head.size
        if self._edge is None or self._edge.size != head.size or self._edge_chain != head.chain_hash:
            self._edge, self._edge_chain = load_edge(conn, self.log_id, head.size), head.chain_hash
        self._ensure_month(conn, head.now)
        chain = self._copy(conn, head, groups)
        edge, tiles = self._edge.extended(hashes)
        self._store_tiles(conn, tiles)
        conn.execute(
            """update ledger.log set size = %s, chain_hash = %s, root_hash = %s,
                updated_at = timestamptz 'epoch' + %s * interval '1 microsecond' where log_id = %s""",
            (edge.size, chain, edge.root(), head.now, self.log_id),
        )
        self._pending = (edge, chain)
        return edge.size

    def _copy(self, conn: Connection[TupleRow], head: Head, groups: tuple[Entries, ...]) -> bytes:
        chain, index = head.chain_hash, head.size
        appended_at = head.now - PG_EPOCH_MICROS
        with conn.cursor() as cursor, cursor.copy(COPY_SQL) as copy:
            copy.write(HEADER)
            for group in groups:
                rows, chain = group.placed(chain, index, appended_at)
                index += len(group)
                copy.write(memoryview(rows))  # it is sent in pieces: a view of bytes is cut without copying them
            copy.write(TRAILER)
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
