"""A superuser against signed heads: tails cut, logs hashed anew, keys stolen, notes bent (faults F37, A21).

Each case is done to a copy of one ledger with the SQL that a superuser has, and ends in the exact verdict.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.feed import Feed
from tests.integration.ledger.copies import copy_of, found, verdict
from tests.writers import ledger_offsets, wait_for, writer
from tokentrail.config import Settings
from tokentrail.verifier import Trust
from tokentrail.verifier.notes import VKey

EVENTS = 700
SIGNED = (300, 600, EVENTS)
Conn = psycopg.Connection[Any]


@dataclass
class Signer:
    """A note key, made for the test and signing on its own (c2sp.org/signed-note)."""

    name: str
    private: Ed25519PrivateKey

    @property
    def vkey(self) -> str:
        raw = b"\x01" + self.private.public_key().public_bytes_raw()
        key_id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        return f"{self.name}+{key_id.hex()}+{base64.b64encode(raw).decode()}"

    def sign(self, text: str) -> str:
        key_id = bytes.fromhex(self.vkey.split("+")[1])
        signature = base64.b64encode(key_id + self.private.sign(text.encode())).decode()
        return f"{text}\n\u2014 {self.name} {signature}\n"

    def note(self, size: int, root: bytes) -> str:
        return self.sign(f"{self.name}\n{size}\n{base64.b64encode(root).decode()}\n")


def tree_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << ((len(hashes) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + tree_root(hashes[:k]) + tree_root(hashes[k:])).digest()


def leaf_hashes(conn: Conn) -> list[bytes]:
    return [row[0] for row in conn.execute("select leaf_hash from ledger.entry order by index")]


def store_note(conn: Conn, signer: Signer, size: int, root: bytes) -> None:
    conn.execute(
        "insert into ledger.checkpoint (log_id, tree_size, note, vkey) values (1, %s, %s, %s)",
        (size, signer.note(size, root), signer.vkey),
    )


def hash_anew(conn: Conn) -> None:
    """What somebody who owns the database does after an edit: every hash made to fit again."""
    chain = bytes(32)
    hashes = []
    for index, leaf in conn.execute("select index, leaf from ledger.entry order by index").fetchall():
        leaf_hash = hashlib.sha256(b"\x00" + leaf).digest()
        chain = hashlib.sha256(b"\x02" + chain + leaf_hash).digest()
        hashes.append(leaf_hash)
        conn.execute(
            "update ledger.entry set leaf_hash = %s, chain_hash = %s where index = %s", (leaf_hash, chain, index)
        )
    conn.execute("delete from ledger.tile")
    for n in range(len(hashes) // 256):
        part = hashes[n * 256 : (n + 1) * 256]
        conn.execute("insert into ledger.tile values (1, 0, %s, %s, %s)", (n, tree_root(part), b"".join(part)))
    conn.execute(
        "update ledger.log set size = %s, chain_hash = %s, root_hash = %s", (len(hashes), chain, tree_root(hashes))
    )


def sign_anew(conn: Conn, signer: Signer) -> None:
    """With the key in hand: every stored checkpoint replaced."""
    hashes = leaf_hashes(conn)
    conn.execute("delete from ledger.checkpoint")
    for size in SIGNED:
        if size <= len(hashes):
            store_note(conn, signer, size, tree_root(hashes[:size]))


def edit(conn: Conn) -> None:
    """Another client in one leaf and its column."""
    conn.execute(
        "update ledger.entry set client_id = 'wob', leaf = overlay(leaf placing '\\x00037765'::bytea "
        "from position('\\x0003776562'::bytea in leaf)) where index = 40"
    )
    conn.execute(
        "update ledger.entry set leaf = overlay(leaf placing 'wob'::bytea "
        "from position('\\x0003776562'::bytea in leaf) + 2) where index = 40"
    )


def cut(conn: Conn, size: int) -> None:
    """The tail away and every trace of it, positions too."""
    conn.execute("delete from ledger.entry where index >= %s", (size,))
    conn.execute(
        """update ledger.partition_position p set next_offset =
        (select coalesce(max(e."offset") + 1, 0) from ledger.entry e
         where e.topic = p.topic and e.partition = p.partition)"""
    )
    hash_anew(conn)


def regrow(conn: Conn) -> None:
    """After a cut: the old entries back in another order, so that the log is as long as before."""
    conn.execute("update ledger.entry set index = -1 where index = 650")
    conn.execute("update ledger.entry set index = 650 where index = 651")
    conn.execute("update ledger.entry set index = 651 where index = -1")
    hash_anew(conn)


@dataclass
class Book:
    """The filled ledger, its signer, and the heads as they were kept elsewhere."""

    settings: Settings
    signer: Signer
    kept: dict[int, bytes]


@pytest.fixture(scope="module")
def book(module_ledger: Settings) -> Book:
    Feed(module_ledger).events(EVENTS - 1)
    with writer(module_ledger):
        wait_for(lambda: ledger_offsets(module_ledger) == EVENTS - 1)
    signer = Signer(module_ledger.ledger_origin, Ed25519PrivateKey.generate())
    kept = {}
    with psycopg.connect(module_ledger.require("database_url"), autocommit=True) as conn:
        hashes = leaf_hashes(conn)
        for size in SIGNED:
            store_note(conn, signer, size, tree_root(hashes[:size]))
            kept[size] = signer.note(size, tree_root(hashes[:size])).encode()
    return Book(module_ledger, signer, kept)


THIEF = Ed25519PrivateKey.generate()

# name: (what is done, the key that is pinned: none/own, the head kept elsewhere, expected problems without data keys)
CASES: dict[str, tuple[Callable[[Conn, Book], Any], bool, int | None, set[tuple[str, int | None]]]] = {
    "untouched": (lambda _c, _b: None, True, EVENTS, set()),
    "tail cut below a signed size": (
        lambda c, _b: cut(c, 650),
        False,
        None,
        {("rollback", EVENTS)},
    ),
    "tail cut below a signed size, checkpoints cut too, head kept elsewhere": (
        lambda c, _b: (cut(c, 650), c.execute("delete from ledger.checkpoint where tree_size > 650")),
        False,
        EVENTS,
        {("rollback", EVENTS)},
    ),
    "tail cut and regrown in another order": (
        lambda c, _b: regrow(c),
        False,
        None,
        {("signed_root", EVENTS), ("offset_repeated", 651), ("offset_missing", 650)},
    ),
    "whole log hashed anew without the key": (
        lambda c, _b: (edit(c), hash_anew(c)),
        False,
        None,
        {("signed_root", size) for size in SIGNED},
    ),
    "hashed anew and signed by another key, own key pinned": (
        lambda c, b: (edit(c), hash_anew(c), sign_anew(c, Signer(b.settings.ledger_origin, THIEF))),
        True,
        None,
        {("checkpoint_key", size) for size in SIGNED},
    ),
    "hashed anew and signed by another key, head kept elsewhere": (
        lambda c, b: (edit(c), hash_anew(c), sign_anew(c, Signer(b.settings.ledger_origin, THIEF))),
        False,
        600,
        {("checkpoint", 600), ("two_roots", 600), ("signed_root", 600)},
    ),
    "hashed anew and signed with the stolen key, head kept elsewhere": (
        lambda c, b: (edit(c), hash_anew(c), sign_anew(c, b.signer)),
        True,
        600,
        {("two_roots", 600), ("signed_root", 600)},
    ),
    "two roots signed for one size": (
        lambda c, b: c.execute(
            "insert into ledger.checkpoint (log_id, tree_size, note, vkey, cosignatures) values (1, 600, %s, %s, 1)",
            (b.signer.note(600, hashlib.sha256(b"other").digest()), b.signer.vkey),
        ),
        True,
        None,
        {("two_roots", 600), ("signed_root", 600)},
    ),
    "rollback to an older valid checkpoint": (
        lambda c, _b: (cut(c, 600), c.execute("delete from ledger.checkpoint where tree_size > 600")),
        True,
        EVENTS,
        {("rollback", EVENTS)},
    ),
    "chain verifies, tree differs": (
        lambda c, _b: c.execute("update ledger.log set root_hash = sha256('x')"),
        True,
        EVENTS,
        {("root_hash", None)},
    ),
    "tree verifies, chain differs": (
        lambda c, _b: c.execute("update ledger.entry set chain_hash = sha256('x') where index = 20"),
        True,
        EVENTS,
        {("chain_hash", 20), ("chain_hash", 21)},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_superuser_against_signed_heads(book: Book, name: str) -> None:
    act, pinned, kept, expected = CASES[name]
    with copy_of(book.settings) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("set session_replication_role = replica")
            act(conn, book)
        trust = Trust(VKey.parse(book.signer.vkey) if pinned else None)
        report = verdict(url, book.settings, trust=trust, kept=[book.kept[kept]] if kept else [], keys=False)
    assert found(report) == expected


BENT: dict[str, tuple[Callable[[str], str], str]] = {
    "another origin": (lambda n: n.replace("tokentrail.local/ledger\n", "elsewhere\n", 1), "origin"),
    "another name": (lambda n: n.replace("\u2014 tokentrail.local/ledger", "\u2014 elsewhere"), "no signature"),
    "another key id": (
        lambda n: re.sub(
            r"(\u2014 \S+ )(\S+)",
            lambda m: m[1] + base64.b64encode(b"\1\2\3\4" + base64.b64decode(m[2])[4:]).decode(),
            n,
        ),
        "key id",
    ),
    "leading zero in the size": (lambda n: n.replace("\n600\n", "\n0600\n"), "leading zeros"),
    "CRLF": (lambda n: n.replace("\n", "\r\n"), "CRLF"),
    "an extra line": (lambda n: n.replace("\n\n", "\nextra\n\n", 1), "extra lines"),
    "a signature twice": (lambda n: n + n.split("\n\n")[1], "signed twice"),
    "another size": (lambda n: n.replace("\n600\n", "\n601\n"), "does not verify"),
    "no newline at the end": (lambda n: n[:-1], "newline"),
}


@pytest.mark.parametrize("name", BENT)
def test_bent_notes(book: Book, name: str) -> None:
    bend, words = BENT[name]
    with copy_of(book.settings) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("set session_replication_role = replica")
            note = conn.execute("select note from ledger.checkpoint where tree_size = 600").fetchone()
            assert note is not None
            bent = bend(note[0])
            assert bent != note[0]
            conn.execute("update ledger.checkpoint set note = %s where tree_size = 600", (bent,))
        report = verdict(url, book.settings, trust=Trust(VKey.parse(book.signer.vkey)), keys=False)
    assert found(report) == {("checkpoint", 600)}
    assert words in report.problems[0].detail


@pytest.mark.parametrize("size", SIGNED)
def test_from_a_checkpoint_on(book: Book, size: int) -> None:
    """Only what came after is walked; what was edited before it shows in the root, what after it by name."""
    with copy_of(book.settings) as url:
        clean = verdict(url, book.settings, since=book.kept[size])
        assert found(clean) == set()
        assert (clean.entries, clean.tree_size) == (EVENTS - size, EVENTS)
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("set session_replication_role = replica")
            conn.execute("update ledger.entry set jti = 'x' where index in (100, 650)")
        expected = {("column", 650)} if size <= 650 else set()
        assert found(verdict(url, book.settings, since=book.kept[size])) == expected


def test_a_restored_older_log_does_not_reach_back_to_a_newer_head(book: Book) -> None:
    with copy_of(book.settings) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("set session_replication_role = replica")
            cut(conn, 500)
            conn.execute("delete from ledger.checkpoint where tree_size > 500")
        assert found(verdict(url, book.settings, since=book.kept[600])) == {("rollback", 600)}
