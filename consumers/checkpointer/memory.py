"""What the checkpointer signed last, outside the ledger's database: a SQLite file, changed by compare and swap.

The ledger's database may be rolled back or rewritten by whoever runs it; this file is what makes the
checkpointer notice. It is written, durably, before a signature leaves the process.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from tokentrail.errors import ConfigError

SCHEMA = """
create table if not exists head (
    origin text primary key, size integer not null, root blob not null, note text not null, vkey text not null
) strict;
create table if not exists witness (
    origin text not null, vkey text not null, size integer not null, primary key (origin, vkey)
) strict;
"""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head that was signed: `note` is the log's own signed note, without cosignatures."""

    size: int
    root: bytes
    note: str
    vkey: str


class Memory:
    """One file may serve several checkpointers: the swap makes sure that they never sign two histories."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("pragma synchronous = full")
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{path} cannot hold the checkpointer's memory: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def head(self, origin: str) -> SignedHead | None:
        """The head signed last, None if none was."""
        row = self._db.execute("select size, root, note, vkey from head where origin = ?", (origin,)).fetchone()
        return SignedHead(row[0], bytes(row[1]), row[2], row[3]) if row else None

    def swap(self, origin: str, old: SignedHead | None, new: SignedHead) -> bool:
        """Put `new` in the place of `old`; False, and nothing changed, if another head is there by now.

        Raises ValueError for a head that would go back.
        """
        if old is not None and (new.size < old.size or (new.size == old.size and new.root != old.root)):
            raise ValueError(f"a signed head may not go from {old.size} to {new.size}")
        if old is None:
            done = self._db.execute(
                "insert into head values (?, ?, ?, ?, ?) on conflict do nothing",
                (origin, new.size, new.root, new.note, new.vkey),
            )
        else:
            done = self._db.execute(
                "update head set size = ?, root = ?, note = ?, vkey = ? where origin = ? and size = ? and root = ?",
                (new.size, new.root, new.note, new.vkey, origin, old.size, old.root),
            )
        return done.rowcount == 1

    def witnessed(self, origin: str, vkey: str) -> int:
        """The size that a witness cosigned last, as far as is known; 0 otherwise."""
        row = self._db.execute("select size from witness where origin = ? and vkey = ?", (origin, vkey)).fetchone()
        return int(row[0]) if row else 0

    def note_witnessed(self, origin: str, vkey: str, size: int) -> None:
        """Remember a witness's size: only a hint, the witness itself knows."""
        self._db.execute("insert or replace into witness values (?, ?, ?)", (origin, vkey, size))
