"""The tamper trial: somebody with every right in the database edits one entry; the verifier must name it."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import psycopg

from tokentrail.cli.demo.books import is_superuser
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.verifier import Options, Report, verify

FORGED = "u_nobody_was_here_000001"


@dataclass(frozen=True, slots=True)
class Trial:
    """Which entry was edited, whether the verifier named it and nothing else, whether all is well again."""

    index: int | None
    detected: bool
    restored_ok: bool
    note: str = ""


def check(settings: Settings) -> Report:
    """Verify the whole log with the data key, as `tokentrail verify` does."""
    keys = settings.data_key.get_secret_value().replace(",", " ").split() if settings.data_key else []
    with connect(settings, "reader") as conn:
        return verify(conn, settings.ledger_origin, Options(data_keys=[base64.b64decode(key) for key in keys]))


def tamper(settings: Settings, from_index: int) -> Trial:
    """Edit one subject with triggers off, verify, put back exactly what was there, verify again."""
    with connect(settings, "admin", autocommit=True) as conn:
        if not is_superuser(conn):
            return Trial(None, False, False, "the database's login is no superuser: the tamper trial needs one")
        row = conn.execute(
            """select e.log_id, e.index, e.subject from ledger.entry e join ledger.log l using (log_id)
            where l.origin = %s and e.subject is not null and e.index >= %s + (l.size - %s) / 2
            order by e.index limit 1""",
            (settings.ledger_origin, from_index, from_index),
        ).fetchone()
        if row is None:
            return Trial(None, False, False, "there is no entry with a subject to edit")
        log_id, index, subject = row
        before = _digest(conn, log_id, index)
        _edit(conn, log_id, index, FORGED)
        try:
            found = check(settings)
        finally:
            _edit(conn, log_id, index, subject)
        same = _digest(conn, log_id, index) == before
    named = {problem.index for problem in found.problems}
    return Trial(index, not found.ok and named == {index}, same and check(settings).ok)


def _edit(conn: psycopg.Connection, log_id: int, index: int, subject: str) -> None:
    with conn.transaction():
        conn.execute("set local session_replication_role = replica")
        conn.execute("update ledger.entry set subject = %s where log_id = %s and index = %s", (subject, log_id, index))


def _digest(conn: psycopg.Connection, log_id: int, index: int) -> bytes:
    row = conn.execute(
        "select sha256(convert_to(e::text, 'UTF8')) from ledger.entry e where log_id = %s and index = %s",
        (log_id, index),
    ).fetchone()
    return bytes(row[0]) if row else b""
