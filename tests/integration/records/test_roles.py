"""Each role has its own login and can do its own work and nothing else (faults A20; NIST SP 800-53 AU-9)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.integration.records.book import Book

ROLES = ("writer", "reader", "checkpointer", "issuer", "scorer", "retention")
COPIED = "log_id, index, type, leaf, leaf_hash, chain_hash, body, appended_at"

# What nobody may do to what is written, whatever the role.
FORBIDDEN = {
    "update entry": "update ledger.entry set subject = 'x'",
    "update leaf": "update ledger.entry set leaf = leaf",
    "delete entry": "delete from ledger.entry",
    "truncate entry": "truncate ledger.entry",
    "truncate log": "truncate ledger.log",
    "drop entry": "drop table ledger.entry",
    "drop schema": "drop schema ledger cascade",
    "alter entry": "alter table ledger.entry add column note text",
    "disable triggers": "alter table ledger.entry disable trigger all",
    "drop trigger": "drop trigger append_only on ledger.entry",
    "replace function": "create or replace function ledger.refuse() returns trigger language plpgsql as "
    "'begin return new; end'",
    "skip triggers": "set session_replication_role = replica",
    "become owner": "set role tokentrail_owner",
    "own entry": "alter table ledger.entry owner to current_user",
    "merge": "merge into ledger.entry e using (select 0::bigint as i) n on e.index = n.i "
    "when matched then update set subject = 'x'",
    "merge delete": "merge into ledger.entry e using (select 0::bigint as i) n on e.index = n.i "
    "when matched then delete",
    "on conflict": f"insert into ledger.entry ({COPIED}) select {COPIED} from ledger.entry "
    "on conflict (log_id, index, appended_at) do update set subject = 'x'",
    "update tile": "update ledger.tile set root = ''",
    "delete tile": "delete from ledger.tile",
    "truncate tile": "truncate ledger.tile",
    "on conflict tile": "insert into ledger.tile select * from ledger.tile on conflict (log_id, level, n) "
    "do update set root = ''",
    "update checkpoint": "update ledger.checkpoint set note = ''",
    "delete checkpoint": "delete from ledger.checkpoint",
    "truncate checkpoint": "truncate ledger.checkpoint",
    "delete data key": "delete from ledger.data_key",
    "delete search key": "delete from ledger.search_key",
    "delete hold": "delete from ledger.legal_hold",
    "rename log": "update ledger.log set origin = 'elsewhere'",
    "lower epoch": "update ledger.log set key_epoch = 0",
    "delete log": "delete from ledger.log",
    "delete archived range": "delete from ledger.archived_range",
    "own table": "create table ledger.mine (a int)",
    "public table": "create table public.mine (a int)",
    "copy from program": "copy ledger.entry from program 'true'",
}

ENTRY = f"insert into ledger.entry ({COPIED}) select {COPIED} from ledger.entry limit 0"
CHECKPOINT = "insert into ledger.checkpoint (log_id, tree_size, note, vkey) select 1, 1, '', '' where false"
TILE = "insert into ledger.tile select * from ledger.tile limit 0"
OUTBOX = "insert into ledger.outbox (topic, type) select '', '' where false"
POSITION = "update ledger.partition_position set next_offset = 0 where false"
HOLD = "insert into ledger.legal_hold (log_id, subject, reason) select 1, '', '' where false"
FORGET = "select ledger.forget_subject(0, 'nobody')"
DROP_MONTH = "select ledger.drop_archived_month('2020-01-01', '1 ms')"
READ_LOG = "select ledger.record_read(null, null, '', 0)"
READ_ENTRY = "select count(*) from ledger.entry where body is not null"
READ_KEYS = "select count(wrapped) from ledger.data_key"
READ_OUTBOX = "select count(*) from ledger.outbox"
READ_ISSUER = "select count(*) from issuer.outbox"
READ_SCORER = "select count(*) from scorer.outbox"

# Work that is one role's own: who may, and so who may not.
ALLOWED = {
    ENTRY: {"writer", "retention"},
    TILE: {"writer", "retention"},
    CHECKPOINT: {"checkpointer"},
    OUTBOX: {"writer"},
    POSITION: {"writer"},
    HOLD: {"retention"},
    FORGET: {"retention"},
    READ_LOG: {"reader", "retention"},
    READ_ENTRY: {"writer", "reader", "retention"},
    READ_KEYS: {"writer", "reader", "retention"},
    READ_OUTBOX: {"writer"},
    READ_ISSUER: {"issuer"},
    READ_SCORER: {"scorer"},
}
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)


@contextmanager
def login(url: str, role: str) -> Iterator[psycopg.Connection]:
    """A connection of a login that is a member of one role."""
    name, password = f"tt_{role}_{secrets.token_hex(4)}", secrets.token_hex(16)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("create role {} login password {} in role {}").format(
                sql.Identifier(name), sql.Literal(password), sql.Identifier(f"tokentrail_{role}")
            )
        )
        try:
            with psycopg.connect(make_conninfo(url, user=name, password=password), autocommit=True) as conn:
                yield conn
        finally:
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def url(module_ledger: Book) -> str:
    return module_ledger.settings.require("database_url")


@pytest.mark.parametrize("role", ROLES)
def test_what_nobody_may(url: str, role: str) -> None:
    """Every role, every forbidden statement: refused by a grant or by a trigger."""
    passed = []
    with login(url, role) as conn:
        for name, statement in FORBIDDEN.items():
            try:
                with conn.transaction():
                    conn.execute(statement)
                passed.append(name)
            except REFUSED:
                pass
    assert passed == []


@pytest.mark.parametrize("role", ROLES)
def test_each_role_its_own_work(url: str, role: str) -> None:
    """The matrix of role and work, both ways."""
    can = set()
    with login(url, role) as conn:
        for statement in ALLOWED:
            try:
                with conn.transaction():
                    conn.execute(statement)
                can.add(statement)
            except psycopg.errors.InsufficientPrivilege:
                pass
    assert can == {statement for statement, roles in ALLOWED.items() if role in roles}


def test_the_owner_cannot_log_in(url: str) -> None:
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            """select rolcanlogin, rolsuper, rolbypassrls, rolcreaterole from pg_roles
            where rolname = 'tokentrail_owner'"""
        ).fetchall()
        assert rows == [(False, False, False, False)]
        tables = conn.execute("select distinct tableowner from pg_tables where schemaname = 'ledger'").fetchall()
        assert tables == [("tokentrail_owner",)]


@pytest.mark.parametrize("table", ["entry", "tile", "checkpoint"])
def test_triggers_refuse_even_the_owner(url: str, table: str) -> None:
    """The owner has every grant: what stops it are the triggers."""
    column = {"entry": "subject", "tile": "root", "checkpoint": "note"}[table]
    for statement in (
        f"update ledger.{table} set {column} = {column}",
        f"delete from ledger.{table}",
        f"truncate ledger.{table}",
    ):
        with psycopg.connect(url) as conn:
            conn.execute("set role tokentrail_owner")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                conn.execute(statement)


def test_a_partition_is_no_way_around(url: str) -> None:
    with psycopg.connect(url) as conn:
        month = conn.execute("select ledger.month_table(date_trunc('month', now())::date)").fetchone()
    assert month is not None
    for statement in (f"truncate ledger.{month[0]}", f"delete from ledger.{month[0]}"):
        with psycopg.connect(url) as conn:
            conn.execute("set role tokentrail_owner")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                conn.execute(statement)


def test_the_retention_lock_opens_one_door_only(url: str) -> None:
    """With the lock, the owner may take keyed hashes away, and still nothing else."""
    with psycopg.connect(url) as conn:
        conn.execute("set role tokentrail_owner")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            conn.execute("update ledger.entry set ip_hash = null, device_hash = null")
        conn.rollback()
        for clause in ("ip_hash = null, device_hash = null, subject = 'x'", "body = ''", "ip_hash = 'x'"):
            conn.execute("set role tokentrail_owner")
            conn.execute("select ledger.lock_retention()")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                conn.execute(f"update ledger.entry set {clause}")
            conn.rollback()
        conn.execute("set role tokentrail_owner")
        conn.execute("select ledger.lock_retention()")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            conn.execute("delete from ledger.entry")
        conn.rollback()
        conn.execute("set role tokentrail_owner")
        conn.execute("select ledger.lock_retention()")
        changed = conn.execute("update ledger.entry set ip_hash = null, device_hash = null where ip_hash is not null")
        assert changed.rowcount > 0
        conn.rollback()


def test_a_month_that_is_not_archived_cannot_be_dropped(url: str) -> None:
    """Not even by the retention role: neither a recent month nor one without a record of its archive."""
    with psycopg.connect(url) as conn:
        conn.execute("set role tokentrail_writer")
        conn.execute("select ledger.ensure_month('2020-01-15')")
    with login(url, "retention") as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="31 days"):
            conn.execute("select ledger.drop_archived_month(date_trunc('month', now())::date, '1 s')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="owner"):
            conn.execute("drop table ledger.entry_2020_01")
        conn.execute("select ledger.drop_archived_month('2020-01-01', '1 s')")  # empty: nothing is lost
