"""Put an event into a schema's outbox, within the caller's transaction."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy
from psycopg import Connection, sql

from tokentrail.events import Event

# bytes have no JSON form; they come back as bytes in `load`.
_BYTES = "\x00bytes:"


def put(conn: Connection, schema: str, topic: str, type_: str, event: Event | None, key: str | None) -> None:
    """Queue an event; None as the event makes a tombstone for `key`. Nothing is sent before COMMIT."""
    conn.execute(
        sql.SQL("insert into {} (topic, key, type, event) values (%s, %s, %s, %s)").format(
            sql.Identifier(schema, "outbox")
        ),
        (topic, key.encode() if key is not None else None, type_, dump(event)),
    )


def put_raw(
    conn: Connection, schema: str, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
) -> None:
    """Queue bytes that must go out as they are, such as a record for quarantine; headers carry the reason."""
    packed = json.dumps([[name, content.hex()] for name, content in headers]).encode()
    conn.execute(
        sql.SQL("insert into {} (topic, key, type, value, headers) values (%s, %s, '', %s, %s)").format(
            sql.Identifier(schema, "outbox")
        ),
        (topic, key, value, packed),
    )


def put_sa(
    conn: sqlalchemy.Connection, schema: str, topic: str, type_: str, event: Event | None, key: str | None
) -> None:
    """The same on an SQLAlchemy connection."""
    driver = conn.connection.driver_connection
    if not isinstance(driver, Connection):
        raise TypeError("the outbox needs the psycopg driver")
    put(driver, schema, topic, type_, event, key)


def dump(event: Event | None) -> bytes | None:
    """An event as JSON bytes; bytea keeps what jsonb and text would refuse (NUL characters)."""
    if event is None:
        return None
    return json.dumps(event, default=_hex, separators=(",", ":")).encode()


def load(stored: bytes | None) -> Event | None:
    """The event that `dump` stored."""
    if stored is None:
        return None
    event: Event = json.loads(stored)
    for name, value in event.items():
        if isinstance(value, str) and value.startswith(_BYTES):
            event[name] = bytes.fromhex(value.removeprefix(_BYTES))
    return event


def _hex(value: Any) -> str:
    if isinstance(value, bytes):
        return _BYTES + value.hex()
    raise TypeError(f"{type(value).__name__} in an event")
