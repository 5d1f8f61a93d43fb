"""What the witness cosigned last of each log: a SQLite file. Check and change are one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tokentrail.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The newest head of a log that was cosigned; `note` carries the log's signature and ours."""

    size: int
    root: bytes
    note: str


class State:
    """One file, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
            self._db.execute("pragma synchronous = full")
            self._db.execute(
                "create table if not exists cosigned "
                "(origin text primary key, size integer not null, root blob not null, note text not null) strict"
            )
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{path} cannot hold the witness's state: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody else reads or writes within; what raises is undone."""
        self._db.execute("begin exclusive")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def newest(self, origin: str) -> Cosigned | None:
        """The newest head cosigned, None if none was."""
        row = self._db.execute("select size, root, note from cosigned where origin = ?", (origin,)).fetchone()
        return Cosigned(row[0], bytes(row[1]), row[2]) if row else None

    def put(self, origin: str, head: Cosigned) -> None:
        """Remember a head."""
        self._db.execute(
            "insert or replace into cosigned values (?, ?, ?, ?)", (origin, head.size, head.root, head.note)
        )
