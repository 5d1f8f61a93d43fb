"""Open sealed bodies for those who have the key, and read them by the writer schemas that the log itself holds."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any, NamedTuple, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastavro import parse_schema, schemaless_reader
from psycopg import Connection
from psycopg.rows import namedtuple_row

from tokentrail.codec.schemas import plain
from tokentrail.config import Settings
from tokentrail.ledger.archive.layout import archived_ranges
from tokentrail.ledger.archive.read import by_index
from tokentrail.ledger.drafts import UNREADABLE, WRITER_SCHEMA
from tokentrail.ledger.leaf import COMMITMENT
from tokentrail.ledger.seal import KeyRing, SealedBody, master_keys

FRAME_BYTES = 5


class Opened(NamedTuple):
    """A body and what became of it: open, forgotten, sealed or changed; the rest is None unless open."""

    state: str
    salt: bytes | None = None
    body: bytes | None = None
    event: dict[str, Any] | None = None


class Opener:
    """Opens rows (with key_id, leaf, body, type, schema_id) of one log. Reads writer schemas once."""

    def __init__(self, conn: Connection[Any], settings: Settings, log_id: int) -> None:
        self._conn = conn
        self._settings = settings
        self._log_id = log_id
        self._ring = KeyRing(conn, log_id, master_keys(settings)) if settings.data_key else None
        self._schemas: dict[int, Any] | None = None
        self._parsed: dict[int, Any] = {}

    def open(self, rows: list[Any]) -> list[Opened]:
        """One result for each row, in order."""
        if not rows:
            return []
        ids = list({row.key_id for row in rows if row.key_id is not None})
        there = {
            row[0] for row in self._conn.execute("select key_id from ledger.data_key where key_id = any(%s)", (ids,))
        }
        keys = self._ring.opening_keys(ids) if self._ring else {}
        return [self._one(row, keys, there) for row in rows]

    def _one(self, row: Any, keys: dict[int, AESGCM], there: set[int]) -> Opened:
        key = keys.get(row.key_id)
        if key is None:
            return Opened("sealed" if row.key_id in there else "forgotten")
        try:
            salt, body = SealedBody.open(key, bytes(row.body), bytes(row.leaf)[COMMITMENT])
        except InvalidTag:
            return Opened("changed")
        return Opened("open", salt, body, self._read(row, body))

    def _read(self, row: Any, body: bytes) -> dict[str, Any]:
        """The event in a body, or what the ledger itself said; unreadable records as hex."""
        if row.type == UNREADABLE:
            return {"unreadable": body.hex()}
        if row.schema_id is None or row.type == WRITER_SCHEMA:
            said: dict[str, Any] = json.loads(body)
            return said
        schema = self._parsed_schema(row.schema_id)
        if schema is None:
            return {"unreadable": body.hex()}
        event = cast("dict[str, Any]", schemaless_reader(BytesIO(body[FRAME_BYTES:]), schema, None))
        return {name: value.hex() if isinstance(value, bytes) else value for name, value in event.items()}

    def _parsed_schema(self, schema_id: int) -> Any:
        if schema_id not in self._parsed:
            written = self.schemas().get(schema_id)
            self._parsed[schema_id] = None if written is None else parse_schema(plain(written))
        return self._parsed[schema_id]

    def schemas(self) -> dict[int, Any]:
        """Writer schemas by id, as JSON values, from the log's own entries wherever they lie now."""
        if self._schemas is None:
            rows = self.schema_rows()
            keys = self._ring.opening_keys(row.key_id for row in rows) if self._ring else {}
            self._schemas = {
                row.schema_id: json.loads(json.loads(_body(row, keys[row.key_id]))["schema"])
                for row in rows
                if row.key_id in keys
            }
        return self._schemas

    def schema_rows(self) -> list[Any]:
        """The WriterSchema entries that hold now, with index, schema_id, type, key_id, leaf and body."""
        wanted = [
            row[0]
            for row in self._conn.execute("select index from ledger.writer_schema where log_id = %s", (self._log_id,))
        ]
        self._conn.execute("lock table ledger.entry in access share mode")
        with self._conn.cursor(row_factory=namedtuple_row) as cursor:
            rows: list[Any] = cursor.execute(
                "select index, schema_id, type, key_id, leaf, body from ledger.entry "
                "where log_id = %s and index = any(%s)",
                (self._log_id, wanted),
            ).fetchall()
        missing = sorted(set(wanted) - {row.index for row in rows})
        for range_ in archived_ranges(self._conn, self._log_id) if missing else []:
            for index in missing:
                if range_.pruned_at is None and range_.first_index <= index <= range_.last_index:
                    rows += [row for batch in by_index(self._settings, range_, index, index) for row in batch]
        return rows


def _body(row: Any, key: AESGCM) -> bytes:
    return SealedBody.open(key, bytes(row.body), bytes(row.leaf)[COMMITMENT])[1]
