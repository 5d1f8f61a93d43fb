"""Copies of a filled ledger, for tests that spoil one."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from tokentrail.config import Settings
from tokentrail.verifier import Options, Report, Trust, verify


@contextmanager
def copy_of(settings: Settings) -> Iterator[str]:
    """URL (superuser) of a copy of the database; nobody may be connected to the original."""
    url = make_url(settings.require("database_url"))
    name = f"tt_copy_{secrets.token_hex(6)}"
    admin_url = url.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(admin_url, autocommit=True) as conn:
        conn.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(str(url.database)))
        )
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def verdict(
    url: str, settings: Settings, *, trust: Trust | None = None, kept: list[bytes] | None = None,
    since: bytes | None = None, keys: bool = True,
) -> Report:  # fmt: skip
    """What the verifier says of a copy."""
    raw = [base64.b64decode(settings.require("data_key"))] if keys else []
    options = Options(data_keys=raw, trust=trust or Trust(), kept=kept or [], since=since)
    with psycopg.connect(url) as conn:
        return verify(conn, settings.ledger_origin, options)


def found(report: Report) -> set[tuple[str, int | None]]:
    """Problems as (kind, index)."""
    return {(problem.kind, problem.index) for problem in report.problems}
