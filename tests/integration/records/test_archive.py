"""Months in Parquet: found, proved and verified like the rest; moved without stopping the writer; resumable."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from tests.integration.records.book import Book
from tests.integration.records.conftest import months_ago, verified
from tests.writers import ROOT, environment
from tokentrail.db import connect
from tokentrail.errors import NotFound, Refused
from tokentrail.ledger.archive.layout import archive_dir
from tokentrail.ledger.archive.prune import prune
from tokentrail.ledger.archive.run import archive_before
from tokentrail.ledger.forget import forget
from tokentrail.ledger.hold import place_hold
from tokentrail.ledger.notes import NoteKey
from tokentrail.ledger.search import Found, Query, search_entries
from tokentrail.ledger.stored_tree import StoredTree
from tokentrail.verifier.merkle import check_inclusion

NOW = datetime.now(UTC)
STEPS = ("begun", "entries", "written", "checked", "named", "appended", "dropped", "moved")


@pytest.fixture
def old_book(book: Book, note_key: NoteKey) -> Book:
    """Three old months of 400 entries each, and 600 of today: all old ones lie in full tiles."""
    for months in (5, 4, 3):
        book.write(months_ago(months), 200)
        book.write(months_ago(months, 20), 200, subject=f"u-{months}")
    book.write(None, 600)
    book.sign(note_key)
    return book


def search(book: Book, **asked: str | int) -> list[Found]:
    with connect(book.settings, "reader") as conn:
        return search_entries(conn, book.settings, Query.of(limit=10_000, **asked))


def seen(found: list[Found]) -> list[dict]:  # type: ignore[type-arg]
    """Without what an archive run itself says (schemas again, at the end)."""
    said = ("Archived", "Pruned")
    return [
        one.as_dict()
        for one in found
        if one.columns["type"] not in said and not (one.columns["type"] == "WriterSchema" and one.columns["index"])
    ]


def tables(book: Book) -> list[str]:
    with psycopg.connect(book.settings.require("database_url")) as conn:
        return [
            row[0]
            for row in conn.execute(
                "select inhrelid::regclass::text from pg_inherits where inhparent = 'ledger.entry'::regclass order by 1"
            )
        ]


def test_archived_is_found_like_the_rest(old_book: Book) -> None:
    """Each kind of search gives the same before and after, and so does the verifier."""
    jti = search(old_book, sub="u-5")[7].columns["jti"]
    questions: list[dict[str, str | int]] = [
        {}, {"sub": "u-5"}, {"sub": "u-4"}, {"jti": jti}, {"ip": "198.51.100.7"}, {"client": "web"},
        {"sid": "s-3"}, {"type": "WriterSchema"}, {"from_": months_ago(4, 15).isoformat()},
        {"to": months_ago(4, 15).isoformat()},
        {"from_": months_ago(4, 1).isoformat(), "to": months_ago(3, 15).isoformat(), "sub": "u-4"},
    ]  # fmt: skip
    before = [seen(search(old_book, **asked)) for asked in questions]
    assert all(before)
    assert len(tables(old_book)) == 4
    moved = archive_before(old_book.settings, NOW)
    assert [(m.first_index, m.last_index) for m in moved] == [(0, 400), (401, 800), (801, 1200)]
    assert len(tables(old_book)) == 1
    for asked, was in zip(questions, before, strict=True):
        assert seen(search(old_book, **asked)) == was, asked
    report = verified(old_book.settings)
    assert report.ok, report.problems
    assert report.bodies_opened == report.entries
    said = search(old_book, type="Archived")
    assert [one.event["month"] for one in said if one.event] == [f"{months_ago(m):%Y-%m}" for m in (3, 4, 5)]
    with connect(old_book.settings, "reader") as conn:
        limited = search_entries(conn, old_book.settings, Query.of(limit=700))
    assert [one.columns["index"] for one in limited] == list(range(1804, 1104, -1))


def test_archived_entries_can_be_proved(old_book: Book) -> None:
    archive_before(old_book.settings, NOW)
    with psycopg.connect(old_book.settings.require("database_url")) as conn:
        tree = StoredTree(conn, old_book.log_id)
        size = conn.execute("select size from ledger.log").fetchone()[0]  # type: ignore[index]
        for index in (0, 400, 800, 1200):
            place = next(archive_dir(old_book.settings).glob(f"*/{months_ago(5 - index // 401):%Y-%m}"))
            stored = pq.read_table(place / "entries.parquet", filters=[("index", "=", index)])
            leaf_hash = stored["leaf_hash"][0].as_py()
            assert check_inclusion(leaf_hash, index, size, tree.inclusion(index, size), tree.root(size))


def test_the_manifest_and_what_lies_beside(old_book: Book) -> None:
    place = archive_before(old_book.settings, NOW)[0].place
    assert sorted(path.name for path in place.iterdir()) == [
        "checkpoint.txt", "entries.parquet", "hashes.parquet", "manifest.json", "tiles.parquet",
    ]  # fmt: skip
    manifest = json.loads((place / "manifest.json").read_text())
    assert (manifest["first_index"], manifest["last_index"]) == (0, 400)
    assert pq.read_table(place / "tiles.parquet", filters=[("level", "=", 0)]).num_rows == 2
    raw = (place / "entries.parquet").read_bytes() + (place / "hashes.parquet").read_bytes()
    assert b"198.51.100." not in raw
    assert b"Canaryville" not in raw


def test_the_last_month_stays(book: Book) -> None:
    """Kafka and outboxes may still bring an event again that it holds."""
    book.write(datetime.now(UTC) - timedelta(days=5), 300)
    with pytest.raises(Refused, match="31 days"):
        archive_before(book.settings, NOW + timedelta(days=40))


def test_the_edge_of_the_tree_stays(book: Book, note_key: NoteKey) -> None:
    """The next tile is made from leaf hashes of the table: its month stays until the tile is full."""
    book.write(months_ago(3), 300)
    book.sign(note_key)
    with pytest.raises(Refused, match="211 more"):
        archive_before(book.settings, NOW)
    book.write(None, 210)
    with pytest.raises(Refused, match="1 more"):
        archive_before(book.settings, NOW)
    book.write(None, 1)
    assert len(archive_before(book.settings, NOW)) == 1
    book.write(None, 300)
    assert verified(book.settings).ok


def test_without_a_checkpoint(book: Book) -> None:
    book.write(months_ago(3), 300)
    book.write(None, 300)
    with pytest.raises(Refused, match="checkpointer"):
        archive_before(book.settings, NOW)
    assert len(tables(book)) == 2
    assert verified(book.settings).ok


def test_tampered_rows_are_not_moved(old_book: Book) -> None:
    with psycopg.connect(old_book.settings.require("database_url")) as conn:
        conn.execute("set session_replication_role = replica")
        conn.execute("update ledger.entry set leaf = leaf || '\\x00' where index = 300")
    with pytest.raises(Refused, match="entry 300"):
        archive_before(old_book.settings, NOW)
    assert len(tables(old_book)) == 4


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_died_is_repeated(old_book: Book, step: str) -> None:
    """kill -9 at each step of the second month; the next run completes it and nothing is there twice."""
    before = seen(search(old_book))
    child = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.integration.records.archiving", "archive", NOW.isoformat(), step, "2"],
        cwd=ROOT, env=environment(old_book.settings), check=False,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL
    report = verified(old_book.settings)
    assert report.ok, report.problems
    assert seen(search(old_book)) == before
    archive_before(old_book.settings, NOW)
    assert len(tables(old_book)) == 1
    report = verified(old_book.settings)
    assert report.ok, report.problems
    assert seen(search(old_book)) == before
    assert not list(archive_dir(old_book.settings).glob("*/*.partial"))
    assert len(search(old_book, type="Archived")) == 3


def test_the_writer_waits_for_a_moment_at_most(old_book: Book) -> None:
    """With a long reader in the way, the writer goes on; once the reader is done, the month goes."""
    stop, pauses = threading.Event(), [0.0]
    url = old_book.settings.require("database_url")

    def write() -> None:
        while not stop.is_set():
            started = time.monotonic()
            old_book.write(None, 10)
            pauses.append(time.monotonic() - started)

    with psycopg.connect(url) as reader:
        reader.execute("select count(*) from ledger.entry")
        writing = threading.Thread(target=write)
        archiving = threading.Thread(target=archive_before, args=(old_book.settings, NOW))
        writing.start()
        archiving.start()
        time.sleep(3)
        assert archiving.is_alive()
        assert len(tables(old_book)) >= 4
    archiving.join(30)
    stop.set()
    writing.join()
    assert len(tables(old_book)) == 1
    assert len(pauses) > 50
    assert max(pauses) < 1.0
    report = verified(old_book.settings)
    assert report.ok, report.problems


def test_searching_while_a_month_moves(old_book: Book) -> None:
    """A search sees every entry once, whether it lies here or there."""
    expected = {one["index"] for one in seen(search(old_book, client="web"))}
    archiving = threading.Thread(target=archive_before, args=(old_book.settings, NOW))
    archiving.start()
    while archiving.is_alive():
        found = [one["index"] for one in seen(search(old_book, client="web"))]
        assert len(found) == len(set(found))
        assert set(found) == expected
    archiving.join()


def test_forgetting_reaches_the_archive(old_book: Book) -> None:
    archive_before(old_book.settings, NOW)
    before = len(search(old_book, ip="198.51.100.7"))
    done = forget(old_book.settings, "u-4", "request 9")
    assert done.hashes_cleared == 200
    assert {one.body for one in search(old_book, sub="u-4")} == {"open", "forgotten"}
    assert len(search(old_book, ip="198.51.100.7")) <= before
    for path in archive_dir(old_book.settings).glob(f"*/{months_ago(4):%Y-%m}/hashes.parquet"):
        assert pq.read_table(path).num_rows == 200
    report = verified(old_book.settings)
    assert report.ok, report.problems
    assert report.bodies_forgotten == 200


def _damage(place: Path, what: str) -> None:
    if what == "gone":
        (place / "entries.parquet").unlink()
    elif what == "byte":
        raw = bytearray((place / "entries.parquet").read_bytes())
        raw[len(raw) // 2] ^= 1
        (place / "entries.parquet").write_bytes(raw)
    elif what == "rewritten":
        table = pq.read_table(place / "entries.parquet")
        pq.write_table(table.slice(1), place / "entries.parquet")
    elif what == "manifest":
        path = place / "manifest.json"
        path.write_text(path.read_text().replace('"month"', '"Month"'))
    else:
        (place / "hashes.parquet").write_bytes(b"")


@pytest.mark.parametrize(
    ("what", "kind"),
    [("gone", "archive_missing"), ("byte", "archive"), ("rewritten", "archive"), ("manifest", "archive")],
)
def test_damage_to_an_archive_is_named(old_book: Book, what: str, kind: str) -> None:
    """And hides nothing else: the walk goes on over the leaf hashes."""
    places = [moved.place for moved in archive_before(old_book.settings, NOW)]
    _damage(places[1], what)
    report = verified(old_book.settings)
    assert [(problem.kind, problem.index) for problem in report.problems] == [(kind, 401)]
    with psycopg.connect(old_book.settings.require("database_url")) as conn:
        assert conn.execute("select size from ledger.log").fetchone() == (report.tree_size,)


def test_an_archive_that_is_elsewhere(old_book: Book, tmp_path: Path) -> None:
    archive_before(old_book.settings, NOW)
    lost = old_book.settings.model_copy(update={"archive_dir": tmp_path / "nothing"})
    with connect(lost, "reader") as conn, pytest.raises(NotFound, match="TOKENTRAIL_ARCHIVE_DIR"):
        search_entries(conn, lost, Query.of(sub="u-5"))
    with connect(lost, "reader") as conn:  # the times rule the archive out: no need of it
        assert search_entries(conn, lost, Query.of(from_=NOW.date().isoformat()))


def test_pruning(old_book: Book) -> None:
    """Past the retention only; what is left verifies, also offsets and tiles; a hold stands against it."""
    archive_before(old_book.settings, NOW)
    assert prune(old_book.settings) == []
    with pytest.raises(Refused, match="2192 days"):
        prune(old_book.settings, NOW)
    short = old_book.settings.model_copy(update={"retention_days": 90})
    place_hold(old_book.settings, "u-5", "case 3")
    with pytest.raises(Refused, match="legal hold"):
        prune(short)
    with psycopg.connect(old_book.settings.require("database_url")) as conn:
        conn.execute("update ledger.legal_hold set released_at = now()")
    was = seen(search(old_book, from_=NOW.date().isoformat()))
    gone = prune(short)
    assert seen(search(old_book, from_=NOW.date().isoformat())) == was  # the writer schemas were said again
    assert 1 <= len(gone) <= 3
    assert gone[0].first_index == 0
    report = verified(old_book.settings)
    assert report.ok, report.problems
    assert report.pruned == gone[-1].last_index + 1
    assert not [one for one in search(old_book, sub="u-5") if one.columns["type"] == "TokenUsed"]
    with psycopg.connect(old_book.settings.require("database_url")) as conn:
        conn.execute("set session_replication_role = replica")
        conn.execute("delete from ledger.entry where type = 'Pruned'")
    assert "pruned_unsaid" in {problem.kind for problem in verified(old_book.settings).problems}


@pytest.mark.parametrize("step", ["recorded", "deleted"])
def test_a_prune_that_died(old_book: Book, step: str) -> None:
    archive_before(old_book.settings, NOW)
    short = old_book.settings.model_copy(update={"retention_days": 60})
    child = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.integration.records.archiving", "prune", step, "1"],
        cwd=ROOT, env=environment(short) | {"TOKENTRAIL_RETENTION_DAYS": "60"}, check=False,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL
    prune(short)
    left = {path.name for path in archive_dir(short).glob("*/*")}
    assert f"{months_ago(5):%Y-%m}" not in left
    report = verified(short)
    assert report.ok, report.problems
