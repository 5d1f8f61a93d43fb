"""Rotate the wrapping key: data keys stay, their wraps are made anew, some at a time, at any point resumable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import ConfigError
from tokentrail.ledger.drafts import own
from tokentrail.ledger.own_entry import KEYS_REWRAPPED, append_own, find_log
from tokentrail.ledger.seal import MasterKey, master_keys, unwrap

AT_ONCE = 1000
TABLES = ("search_key", "data_key")


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """How many keys went over, and how many no key of ours opens."""

    keys: int
    unopened: int


def remaining(settings: Settings) -> int:
    """How many keys are not under the newest wrapping key."""
    newest = master_keys(settings)[0].id
    with connect(settings, "reader") as conn:
        row = conn.execute(
            """select (select count(*) from ledger.data_key where wrapping_key <> %(id)s)
            + (select count(*) from ledger.search_key where wrapping_key <> %(id)s)""",
            {"id": newest},
        ).fetchone()
    return int(row[0]) if row else 0


def rewrap(settings: Settings, progress: Callable[[int], None] = lambda _n: None) -> Rewrapped:
    """Wrap every key under the first of TOKENTRAIL_DATA_KEY ("new old"). Writers need not stop.

    Each batch is its own transaction, so a run that died goes on where it was. Raises ConfigError with
    only one key given while keys under another remain.
    """
    masters = master_keys(settings)
    done = unopened = 0
    with connect(settings, "retention") as conn:
        log_id = find_log(conn, settings.ledger_origin)
        conn.commit()
        for table in TABLES:
            after = 0
            while batch := _batch(conn, table, masters[0].id, after):
                after = batch[-1][0]
                moved = _move(conn, table, masters, batch)
                conn.commit()
                done += moved
                unopened += len(batch) - moved
                progress(len(batch))
        if unopened and len(masters) == 1:
            raise ConfigError(
                f"{unopened} keys are wrapped by a key that is not here: set TOKENTRAIL_DATA_KEY to the new key, "
                "a space, and the old one"
            )
        if done:
            append_own(conn, settings, log_id, [own(KEYS_REWRAPPED, wrapping_key=masters[0].id, keys=done)])
    return Rewrapped(done, unopened)


def _batch(conn: Connection[Any], table: str, newest: str, after: int) -> list[Any]:
    return conn.execute(
        sql.SQL(
            """select key_id, wrapping_key, wrapped from {}
            where wrapping_key <> %s and key_id > %s order by key_id limit %s"""
        ).format(sql.Identifier("ledger", table)),
        (newest, after, AT_ONCE),
    ).fetchall()


def _move(conn: Connection[Any], table: str, masters: list[MasterKey], batch: list[Any]) -> int:
    """Rewrap a batch; a row that changed meanwhile is left alone (another run had it)."""
    opened = [(key_id, old, unwrap(masters, old, bytes(wrapped))) for key_id, old, wrapped in batch]
    moved = [(key_id, old, masters[0].wrap(key)) for key_id, old, key in opened if key is not None]
    conn.execute(
        sql.SQL(
            """update {} k set wrapping_key = %s, wrapped = n.wrapped
            from unnest(%s::bigint[], %s::text[], %s::bytea[]) n(key_id, old, wrapped)
            where k.key_id = n.key_id and k.wrapping_key = n.old"""
        ).format(sql.Identifier("ledger", table)),
        (masters[0].id, [m[0] for m in moved], [m[1] for m in moved], [m[2] for m in moved]),
    )
    return len(moved)
