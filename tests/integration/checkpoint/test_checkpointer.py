"""The checkpointer signs what only grew, and nothing else: each way of bending the log, and its verdict."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from consumers.checkpointer.loop import REFUSED, REFUSING
from consumers.checkpointer.memory import Memory
from tests.integration.checkpoint.conftest import Grow, Start, await_size, stored
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.ledger.own_entry import find_log
from tokentrail.ledger.stored_tree import StoredTree
from tokentrail.verifier.merkle import check_consistency
from tokentrail.verifier.notes import VKey, open_checkpoint


def refusals(reason: str) -> float:
    return REFUSED.labels(reason)._value.get()


def await_refusal(reason: str, before: float) -> None:
    deadline = time.monotonic() + 5
    while refusals(reason) <= before:
        assert time.monotonic() < deadline, f"not refused as {reason}"
        time.sleep(0.02)


def test_it_signs_soon_after_growth_and_each_head_extends_the_one_before(
    log: Settings, grow: Grow, start: Start
) -> None:
    start()
    for size in (1, 2, 300, 900):
        grow(size - (stored(log)[0].tree_size if stored(log) else 0))
        await_size(log, size, seconds=2)
    rows = stored(log)[::-1]
    key = VKey.parse(rows[0].vkey)
    heads = [open_checkpoint(row.note, key, origin=log.ledger_origin) for row in rows]
    assert [head.size for head in heads] == [1, 2, 300, 900]
    with connect(log, "reader", autocommit=True) as conn:
        tree = StoredTree(conn, find_log(conn, log.ledger_origin))
        for old, new in pairwise(heads):
            proof = tree.consistency(old.size, new.size)
            assert check_consistency(old.size, new.size, proof, old.root, new.root)


def test_nothing_new_is_signed_while_nothing_grows(log: Settings, grow: Grow, start: Start) -> None:
    start()
    grow(5)
    await_size(log, 5)
    time.sleep(0.5)
    assert len(stored(log)) == 1


def cut_tail(db: psycopg.Connection, _grow: Grow) -> None:
    """F37: the last entries deleted, the head set right."""
    db.execute("delete from ledger.entry where index >= 290")
    _set_head(db, 290)


def cut_and_regrow(db: psycopg.Connection, grow: Grow) -> None:
    """The tail replaced by other entries, more of them than before."""
    cut_tail(db, grow)
    grow(30)


def same_size_other_entry(db: psycopg.Connection, _grow: Grow) -> None:
    """The last entry replaced."""
    db.execute("update ledger.entry set leaf_hash = sha256('other') where index = 299")
    _set_head(db, 300)


def rewrite_old(db: psycopg.Connection, grow: Grow) -> None:
    """A21: an old entry rewritten, tile and head hashed anew, then growth as if nothing had been."""
    db.execute("update ledger.entry set leaf_hash = sha256('other') where index = 7")
    row = db.execute(
        "select string_agg(leaf_hash, ''::bytea order by index) from ledger.entry where index < 256"
    ).fetchone()
    assert row is not None
    root = _perfect([row[0][i : i + 32] for i in range(0, 8192, 32)])
    db.execute("update ledger.tile set hashes = %s, root = %s where level = 0 and n = 0", (row[0], root))
    _set_head(db, 300)
    grow(5)


def wrong_head(db: psycopg.Connection, grow: Grow) -> None:
    """The head's root alone changed."""
    grow(5)
    db.execute("update ledger.log set root_hash = sha256('x'), size = 304")


def _set_head(db: psycopg.Connection, size: int) -> None:
    db.execute("delete from ledger.entry where index >= %s", (size,))
    root = StoredTree(db, 1).root(size)
    chain = db.execute("select chain_hash from ledger.entry where index = %s", (size - 1,)).fetchone()
    assert chain is not None
    db.execute("update ledger.log set size = %s, root_hash = %s, chain_hash = %s", (size, root, chain[0]))


def _perfect(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        (cut_tail, "rollback"),
        (cut_and_regrow, "inconsistent"),
        (same_size_other_entry, "fork"),
        (rewrite_old, "inconsistent"),
        (wrong_head, "head"),
    ],
)
def test_a_bent_log_is_not_signed(
    bend: Callable[[psycopg.Connection, Grow], None],
    reason: str,
    log: Settings,
    grow: Grow,
    start: Start,
    superuser: psycopg.Connection,
) -> None:
    grow(300)
    start()
    await_size(log, 300)
    before = refusals(reason)
    bend(superuser, grow)
    await_refusal(reason, before)
    assert REFUSING._value.get() == 1
    assert [row.tree_size for row in stored(log)] == [300]


def test_it_goes_on_when_the_log_is_whole_again(
    log: Settings, grow: Grow, start: Start, superuser: psycopg.Connection
) -> None:
    grow(300)
    start()
    await_size(log, 300)
    root = superuser.execute("select root_hash from ledger.log").fetchone()
    before = refusals("fork")
    superuser.execute("update ledger.log set root_hash = sha256('x')")
    await_refusal("fork", before)
    superuser.execute("update ledger.log set root_hash = %s", root)
    grow(1)
    await_size(log, 301)
    assert REFUSING._value.get() == 0


def test_the_memory_outlives_the_database_of_checkpoints(
    log: Settings, grow: Grow, start: Start, superuser: psycopg.Connection, stop_all: Callable[[], None]
) -> None:
    """All checkpoints deleted and the tail cut: the memory alone notices."""
    grow(300)
    start()
    await_size(log, 300)
    stop_all()
    superuser.execute("delete from ledger.checkpoint")
    cut_tail(superuser, grow)
    before = refusals("rollback")
    start()
    await_refusal("rollback", before)
    # What was remembered is put back: it proves the cut to everybody.
    assert [row.tree_size for row in stored(log)] == [300]


def test_a_copy_outside_is_history_when_the_memory_is_gone(
    log: Settings, grow: Grow, start: Start, superuser: psycopg.Connection, stop_all: Callable[[], None], tmp_path: Path
) -> None:
    copy = str(tmp_path / "copy")
    grow(300)
    start(checkpoint_copy=copy)
    row = await_size(log, 300)
    stop_all()
    assert (tmp_path / "copy" / "checkpoint").read_text() == row.note
    assert (tmp_path / "copy" / "checkpoints" / "300").read_text() == row.note
    superuser.execute("delete from ledger.checkpoint")
    cut_tail(superuser, grow)
    before = refusals("rollback")
    start(checkpoint_copy=copy, checkpoint_state=tmp_path / "new.sqlite")
    await_refusal("rollback", before)


def test_with_an_empty_memory_stored_checkpoints_are_taken_as_history(
    log: Settings, grow: Grow, start: Start, superuser: psycopg.Connection, stop_all: Callable[[], None], tmp_path: Path
) -> None:
    grow(300)
    start()
    await_size(log, 300)
    stop_all()
    cut_tail(superuser, grow)
    before = refusals("rollback")
    start(checkpoint_state=tmp_path / "new.sqlite")
    await_refusal("rollback", before)


def test_two_checkpointers_with_one_memory_sign_one_history(log: Settings, grow: Grow, start: Start) -> None:
    start()
    start()
    for _ in range(10):
        grow(7)
        time.sleep(0.05)
    await_size(log, 70)
    rows = stored(log)
    assert len({row.tree_size for row in rows}) == len(rows)


def test_a_memory_that_fell_behind_takes_up_what_its_key_signed_since(
    log: Settings, grow: Grow, start: Start, stop_all: Callable[[], None], tmp_path: Path
) -> None:
    grow(10)
    start()
    await_size(log, 10)
    stop_all()
    grow(10)
    start(checkpoint_state=tmp_path / "other.sqlite")
    await_size(log, 20)
    stop_all()
    grow(10)
    start()
    await_size(log, 30)
    stop_all()
    memory = Memory(tmp_path / "memory.sqlite")
    head = memory.head(log.ledger_origin)
    memory.close()
    assert head is not None
    assert head.size == 30


def test_what_was_signed_but_never_stored_is_stored_at_the_next_start(
    log: Settings, grow: Grow, start: Start, superuser: psycopg.Connection, stop_all: Callable[[], None]
) -> None:
    grow(10)
    start()
    row = await_size(log, 10)
    stop_all()
    superuser.execute("delete from ledger.checkpoint")
    start()
    assert await_size(log, 10).note == row.note


FORBIDDEN = [
    "select body from ledger.entry",
    "select leaf from ledger.entry",
    "select * from ledger.data_key",
    "select * from ledger.outbox",
    "insert into ledger.tile values (1, 0, 9, 'x', 'x')",
    "update ledger.log set size = 0",
    "update ledger.checkpoint set note = 'x'",
    "delete from ledger.checkpoint",
    "truncate ledger.checkpoint",
    "delete from ledger.entry",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_role_can_read_the_tree_and_add_checkpoints_and_no_more(log: Settings, grow: Grow, statement: str) -> None:
    grow(1)
    with connect(log, "checkpointer", autocommit=True) as conn:
        assert conn.execute("select index, leaf_hash from ledger.entry").fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement)
