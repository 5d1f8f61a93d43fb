"""One table of tampering, each done with SQL as a superuser would, each ending in the verifier's exact verdict."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.feed import Feed
from tests.integration.ledger.copies import copy_of, verdict
from tests.writers import ledger_offsets, wait_for, writer
from tokentrail.config import Settings

EVENTS = 700
NEXT = -7  # stands for whichever later entry shows that an offset is missing
OFF = "set session_replication_role = replica;"  # a superuser's way past the triggers

# name: (SQL, the problems as (kind, index); index None where it is not one entry)
TABLE: dict[str, tuple[str, set[tuple[str, int | None]]]] = {
    "untouched": ("select 1", set()),
    "leaf byte edited": (
        "update ledger.entry set leaf = set_byte(leaf, 60, get_byte(leaf, 60) # 1) where index = 50",
        {("leaf_hash", 50), ("root_hash", None), ("body", 50)},
    ),
    "leaf cut short": (
        "update ledger.entry set leaf = substr(leaf, 1, length(leaf) - 1) where index = 51",
        {("leaf_hash", 51), ("root_hash", None), ("leaf", 51), ("offset_missing", NEXT)},
    ),
    "subject in the leaf replaced by one as long": (
        "update ledger.entry set leaf = overlay(leaf placing 'u-9999'::bytea from position(subject::bytea in leaf)) "
        "where index = 60",
        {("leaf_hash", 60), ("root_hash", None), ("column", 60), ("body", 60)},
    ),
    "leaf hash edited": (
        "update ledger.entry set leaf_hash = set_byte(leaf_hash, 0, get_byte(leaf_hash, 0) # 1) where index = 70",
        {("leaf_hash", 70), ("chain_hash", 70), ("tile", 0)},
    ),
    "chain hash edited": (
        "update ledger.entry set chain_hash = set_byte(chain_hash, 0, get_byte(chain_hash, 0) # 1) where index = 80",
        {("chain_hash", 80), ("chain_hash", 81)},
    ),
    "body changed under the same leaf": (
        "update ledger.entry set body = set_byte(body, 60, get_byte(body, 60) # 1) where index = 90",
        {("body", 90)},
    ),
    "bodies of two entries swapped": (
        "update ledger.entry a set body = b.body, key_id = b.key_id from ledger.entry b "
        "where (a.index, b.index) in ((100, 101), (101, 100))",
        {("body", 100), ("body", 101)},
    ),
    "column subject": ("update ledger.entry set subject = 'u-0' where index = 110", {("column", 110)}),
    "column type": ("update ledger.entry set type = 'TokenRevoked' where index = 111", {("column", 111)}),
    "column jti": ("update ledger.entry set jti = 'x' where index = 112", {("column", 112)}),
    "column client": ("update ledger.entry set client_id = null where index = 113", {("column", 113)}),
    "column session": ("update ledger.entry set session_id = 'x' where index = 114", {("column", 114)}),
    "column occurred_at": (
        "update ledger.entry set occurred_at = occurred_at + interval '1 us' where index = 115",
        {("column", 115)},
    ),
    "column kafka_time": (
        "update ledger.entry set kafka_time = kafka_time - interval '1 day' where index = 116",
        {("column", 116)},
    ),
    "column offset": ('update ledger.entry set "offset" = "offset" + 1 where index = 117', {("column", 117)}),
    "column partition": ("update ledger.entry set partition = partition + 1 where index = 118", {("column", 118)}),
    "column topic": ("update ledger.entry set topic = 'tokens.alerts' where index = 119", {("column", 119)}),
    "column event_id": ("update ledger.entry set event_id = gen_random_uuid() where index = 120", {("column", 120)}),
    "column issuer": ("update ledger.entry set issuer = 'https://other' where index = 121", {("column", 121)}),
    "column issuer_seq": ("update ledger.entry set issuer_seq = 99999 where index = 122", {("column", 122)}),
    "column issuer_stream": ("update ledger.entry set issuer_stream = '' where index = 123", {("column", 123)}),
    "column schema_id": ("update ledger.entry set schema_id = 1 where index = 124", {("column", 124)}),
    "column ip_hash": ("update ledger.entry set ip_hash = '\\x00' where index = 125", {("column", 125)}),
    "column device_hash": ("update ledger.entry set device_hash = null where index = 126", {("column", 126)}),
    "entry deleted": (
        "delete from ledger.entry where index = 200",
        {("entry_missing", 200), ("chain_hash", 201), ("root_hash", None), ("offset_missing", NEXT), ("tile", 0)},
    ),
    "entry duplicated": (
        "insert into ledger.entry select (e).* from (select e #= hstore('appended_at', "
        "(appended_at + interval '1 us')::text) as e from ledger.entry e where index = 210) x",
        {("index_repeated", 210), ("chain_hash", 210), ("offset_repeated", 210), ("root_hash", None), ("tile", 0)},
    ),
    "entries swapped": (
        "update ledger.entry set index = -1 where index = 220; update ledger.entry set index = 220 where index = 221; "
        "update ledger.entry set index = 221 where index = -1",
        {("chain_hash", 220), ("chain_hash", 221), ("chain_hash", 222), ("root_hash", None), ("tile", 0)},
    ),
    "tail cut": (
        "delete from ledger.entry where index >= 690",
        {("tail_missing", 690), ("offset_missing", None)},
    ),
    "tail cut and head set back": (
        "delete from ledger.entry where index >= 690; update ledger.log set size = 690, "
        "chain_hash = (select chain_hash from ledger.entry where index = 689)",
        {("offset_missing", None), ("root_hash", None)},
    ),
    "position set forward": (
        "update ledger.partition_position set next_offset = next_offset + 3 "
        "where partition = 0 and topic = 'tokens.events'",
        {("offset_missing", None)},
    ),
    "position set back": (
        "update ledger.partition_position set next_offset = next_offset - 1 "
        "where partition = 0 and topic = 'tokens.events'",
        {("offset_ahead", None)},
    ),
    "root of the head": ("update ledger.log set root_hash = sha256('x')", {("root_hash", None)}),
    "chain of the head": ("update ledger.log set chain_hash = sha256('x')", {("chain_head", None)}),
    "tile edited": (
        "update ledger.tile set hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1) where level = 0 and n = 1",
        {("tile", 256)},
    ),
    "tile root edited": ("update ledger.tile set root = sha256('x') where level = 0 and n = 1", {("tile", 256)}),
    "tile deleted": ("delete from ledger.tile where level = 0 and n = 0", {("tile", 0)}),
    "tile invented": (
        "insert into ledger.tile values (1, 0, 900, sha256('x'), '\\x00')",
        {("tile", None)},
    ),
}


@pytest.fixture(scope="module")
def filled(module_ledger: Settings) -> Iterator[Settings]:
    """A ledger of EVENTS entries that no test changes."""
    Feed(module_ledger).events(EVENTS - 1)  # the writer schema is an entry too
    with writer(module_ledger):
        wait_for(lambda: ledger_offsets(module_ledger) == EVENTS - 1)
    return module_ledger


@pytest.fixture
def copy(filled: Settings) -> Iterator[str]:
    """URL of a copy of the filled ledger, for one test to spoil."""
    with copy_of(filled) as url:
        yield url


@pytest.mark.parametrize("name", TABLE)
def test_tampering_is_named(filled: Settings, copy: str, name: str) -> None:
    statement, expected = TABLE[name]
    with psycopg.connect(copy, autocommit=True) as conn:
        if "hstore" in statement:
            conn.execute("create extension hstore")
        conn.execute(OFF + statement)
    report = verdict(copy, filled)
    found = {(p.kind, NEXT if p.kind == "offset_missing" and p.index else p.index) for p in report.problems}
    if name == "entries swapped":  # of one partition or of two, as Kafka delivered them
        found -= {("offset_repeated", 221), ("offset_missing", NEXT)}
    assert found == expected
    assert report.ok == (not expected)


def test_one_flipped_byte_anywhere_is_found(filled: Settings, copy: str) -> None:
    """Every column of an entry, in turn (faults F36)."""
    columns = ("leaf", "leaf_hash", "chain_hash", "body", "ip_hash", "device_hash")
    with psycopg.connect(copy, autocommit=True) as conn:
        for i, column in enumerate(columns):
            index = 300 + i
            flip = sql.SQL(
                "update ledger.entry set {c} = set_byte({c}, length({c}) - 1, get_byte({c}, length({c}) - 1) # 128) "
                "where index = %s"
            ).format(c=sql.Identifier(column))
            conn.execute("set session_replication_role = replica")
            conn.execute(flip, (index,))
    found = {p.index for p in verdict(copy, filled).problems}
    assert found >= {300 + i for i in range(len(columns))}
