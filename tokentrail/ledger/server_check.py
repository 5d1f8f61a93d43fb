"""Refuse a Postgres that may lose what it acknowledged (NIST SP 800-53 AU-5; measured in docs/decisions)."""

from __future__ import annotations

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from tokentrail.errors import Refused

REQUIRED = {"fsync": ("on",), "synchronous_commit": ("on", "remote_write", "remote_apply"), "full_page_writes": ("on",)}
MINIMUM_VERSION = 150000

log = structlog.get_logger()


def check_server(conn: Connection[TupleRow]) -> None:
    """Raise Refused if a setting of the server makes durability a wish; warn where checksums are off."""
    if conn.info.server_version < MINIMUM_VERSION:
        raise Refused("the ledger needs PostgreSQL 15 or later")
    for name, good in REQUIRED.items():
        row = conn.execute("select current_setting(%s)", (name,)).fetchone()
        value = row[0] if row else "unknown"
        if value not in good:
            raise Refused(
                f"Postgres runs with {name}={value}: acknowledged entries could be lost; "
                f"set {name}={good[0]} (ALTER SYSTEM SET {name} = '{good[0]}') and start again"
            )
    row = conn.execute("select current_setting('data_checksums'), current_setting('is_superuser')").fetchone()
    if row and row[0] != "on":
        log.warning("Postgres has no data checksums: a silent disk error shows only at the next verify")
    if row and row[1] == "on":
        raise Refused("the ledger writer must not run as a superuser: use the login tokentrail_writer")
