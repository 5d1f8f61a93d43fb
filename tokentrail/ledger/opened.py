"""Open sealed bodies for those who have the key, and read them by the writer schemas that the log itself holds."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastavro import parse_schema, schemaless_reader
from psycopg import Connection

from tokentrail.codec.schemas import plain
from tokentrail.config import Settings
from tokentrail.ledger.drafts import UNREADABLE, WRITER_SCHEMA
from tokentrail.ledger.leaf import COMMITMENT
from tokentrail.ledger.seal import KeyRing, SealedBody, master_keys

FRAME_BYTES = 5


def open_bodies(conn: Connection[Any], settings: Settings, rows: list[Any]) -> list[dict[str, Any] | None]:
    """The event of each row (needs key_id, leaf, body, type, schema_id), None where it stays sealed."""
    if settings.data_key is None or not rows:
        return [None] * len(rows)
    ring = KeyRing(conn, 0, master_keys(settings))
    log_id = conn.execute("select log_id from ledger.log where origin = %s", (settings.ledger_origin,)).fetchone()
    schemas = writer_schemas(conn, ring, log_id[0] if log_id else 0)
    keys = ring.opening_keys(row.key_id for row in rows if row.key_id is not None)
    return [read_event(row, opened_bytes(row, keys), schemas) for row in rows]


def opened_bytes(row: Any, keys: dict[int, AESGCM]) -> bytes | None:
    """The body in clear, None without its key or if it was changed (the verifier says which)."""
    key = keys.get(row.key_id)
    if key is None:
        return None
    try:
        return SealedBody.open(key, bytes(row.body), bytes(row.leaf)[COMMITMENT])[1]
    except InvalidTag:
        return None


def read_event(row: Any, body: bytes | None, schemas: dict[int, Any]) -> dict[str, Any] | None:
    """The event in a body, or what the ledger itself said; unreadable records as hex."""
    if body is None:
        return None
    if row.type == UNREADABLE:
        return {"unreadable": body.hex()}
    if row.schema_id is None or row.type == WRITER_SCHEMA:
        said: dict[str, Any] = json.loads(body)
        return said
    event = cast("dict[str, Any]", schemaless_reader(BytesIO(body[FRAME_BYTES:]), schemas[row.schema_id], None))
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in event.items()}


def writer_schemas(conn: Connection[Any], ring: KeyRing, log_id: int) -> dict[int, Any]:
    """Parsed writer schemas by id, from the log's own entries."""
    rows = conn.execute(
        """select e.schema_id, e.key_id, e.leaf, e.body from ledger.writer_schema s
        join ledger.entry e on e.log_id = s.log_id and e.index = s.index where s.log_id = %s""",
        (log_id,),
    ).fetchall()
    keys = ring.opening_keys(row[1] for row in rows)
    schemas = {}
    for schema_id, key_id, leaf, sealed in rows:
        if key_id in keys:
            body = SealedBody.open(keys[key_id], bytes(sealed), bytes(leaf)[COMMITMENT])[1]
            schemas[schema_id] = parse_schema(plain(json.loads(json.loads(body)["schema"])))
    return schemas
