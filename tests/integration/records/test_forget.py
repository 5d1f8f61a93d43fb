"""Forgetting a subject: what was sealed is gone for good, everything still verifies (fault A32)."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest
from typer.testing import CliRunner

from tests.integration.records.book import Book
from tests.integration.records.conftest import verified
from tokentrail.cli import app
from tokentrail.db import connect
from tokentrail.errors import NotFound, Refused
from tokentrail.events import source
from tokentrail.ledger.forget import forget
from tokentrail.ledger.hold import holds, place_hold, release_hold
from tokentrail.ledger.search import Query, search_entries

CANARY_IP, CANARY_AGENT, CANARY_CITY = "203.0.113.77", "CanaryBrowser/7.7 (tweety)", "Canary-upon-Avon"
CANARY_DEVICE = "device-canary-4711"
PLACE = source(
    ip=CANARY_IP, user_agent=CANARY_AGENT, device_id=CANARY_DEVICE, country="QX", city=CANARY_CITY,
    asn=4200004711, lat=12.3456789, lon=-98.7654321,
)  # fmt: skip
CANARIES = (CANARY_IP, CANARY_AGENT, CANARY_CITY, CANARY_DEVICE, "4200004711", "12.3456789", "98.7654321")


def dump(url: str) -> str:
    """Every row of every table of ours, as text; bytea comes as hex."""
    with psycopg.connect(url) as conn:
        tables = conn.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables "
            "where schemaname in ('ledger', 'issuer', 'scorer', 'public')"
        ).fetchall()
        text = []
        for (table,) in tables:
            with conn.cursor() as cursor, cursor.copy(f"copy (select * from {table}) to stdout") as copy:
                text += [bytes(block).decode() for block in copy]
    return "\n".join(text)


def found_of(book: Book, **asked: str) -> list[str]:
    with connect(book.settings, "reader") as conn:
        return [found.body for found in search_entries(conn, book.settings, Query.of(**asked))]


def test_a_dump_shows_no_address_agent_or_place(book: Book) -> None:
    """Of what was appended and of who searched for it, nothing lies in the database in clear."""
    book.write(None, 50, source=PLACE)
    assert found_of(book, ip=CANARY_IP) == ["open"] * 50
    text = dump(book.settings.require("database_url"))
    assert len(text) > 50_000
    for canary in CANARIES:
        assert canary not in text
        assert canary.encode().hex() not in text
    assert verified(book.settings).ok


def test_forgotten_is_forgotten(book: Book) -> None:
    book.write(None, 40, source=PLACE, subject="u-gone")
    book.write(None, 40, source=PLACE, subject="u-stays")
    done = forget(book.settings, "u-gone", "erasure request 118")
    assert (done.keys, done.hashes_cleared) == (1, 40)
    report = verified(book.settings)
    assert report.ok, report.problems
    assert report.bodies_forgotten == 40
    assert found_of(book, sub="u-gone") == ["open"] + ["forgotten"] * 40  # the first says why
    assert found_of(book, ip=CANARY_IP) == ["open"] * 40  # only of the other
    with connect(book.settings, "reader") as conn:
        said = search_entries(conn, book.settings, Query.of(type="SubjectForgotten"))
    assert said[0].event == {"keys": 1, "reason": "erasure request 118"}
    assert said[0].columns["subject"] == "u-gone"


def test_a_writer_seals_anew_after_the_key_is_gone(book: Book) -> None:
    """The writer had the key in its cache; what comes later is under a key of its own, and readable."""
    book.write(None, 5, subject="u-gone")
    forget(book.settings, "u-gone", "first")
    book.write(None, 5, subject="u-gone")
    assert found_of(book, sub="u-gone") == ["open"] * 5 + ["open"] + ["forgotten"] * 5
    assert verified(book.settings).ok
    assert forget(book.settings, "u-gone", "again").hashes_cleared == 5
    assert found_of(book, sub="u-gone").count("forgotten") == 10
    assert verified(book.settings).ok


def test_a_batch_sealed_before_and_written_after(book: Book) -> None:
    """The key goes between sealing and appending: under the head's lock the writer sees it and seals again."""
    book.write(None, 1, subject="u-gone")
    _, record = book.event(datetime.now(UTC), subject="u-gone")
    prepared = book._sink.prepare([record])
    forget(book.settings, "u-gone", "in between")
    with book._conn.transaction():
        book._sink.write(book._conn, prepared)
        book._conn.execute("update ledger.partition_position set next_offset = next_offset + 1")
    book._sink.committed(prepared)
    assert found_of(book, sub="u-gone") == ["open", "open", "forgotten"]
    assert verified(book.settings).ok


def test_a_key_deleted_behind_our_back_is_found(book: Book) -> None:
    book.write(None, 10, subject="u-gone")
    with psycopg.connect(book.settings.require("database_url")) as conn:
        conn.execute("delete from ledger.data_key where subject = 'u-gone'")
    assert [problem.kind for problem in verified(book.settings).problems] == ["key_missing"]


def test_a_legal_hold_stands_against_it(book: Book) -> None:
    book.write(None, 10, subject="u-held")
    place_hold(book.settings, "u-held", "case 117")
    with pytest.raises(Refused, match="already"):
        place_hold(book.settings, "u-held", "again")
    with pytest.raises(Refused, match="legal hold"):
        forget(book.settings, "u-held", "please")
    assert found_of(book, sub="u-held").count("open") == 11
    assert [hold.subject for hold in holds(book.settings)] == ["u-held"]
    release_hold(book.settings, "u-held", "closed")
    with pytest.raises(NotFound):
        release_hold(book.settings, "u-held", "closed")
    assert forget(book.settings, "u-held", "please").keys == 1
    assert holds(book.settings) == []
    assert holds(book.settings, all_=True)[0].released_at is not None
    report = verified(book.settings)
    assert report.ok, report.problems


def test_without_a_subject(book: Book) -> None:
    with pytest.raises(Refused):
        forget(book.settings, "", "nobody")


def test_reads_are_on_record(book: Book) -> None:
    """The login is always named; an address in the query is recorded as its keyed hash."""
    book.write(None, 3, source=PLACE, subject="u-1")
    with connect(book.settings, "reader") as conn:
        search_entries(conn, book.settings, Query.of(ip=CANARY_IP), reader="officer-7", purpose="complaint 12")
    with psycopg.connect(book.settings.require("database_url")) as conn:
        rows = conn.execute("select convert_from(event, 'UTF8')::json from ledger.outbox").fetchall()
    event = rows[0][0]
    login = psycopg.conninfo.conninfo_to_dict(book.settings.require("database_url"))["user"]
    assert event["reader"] == f"officer-7 (login {login})"
    assert (event["purpose"], event["rows"]) == ("complaint 12", 3)
    assert "keyed hash" in event["query"]
    assert CANARY_IP not in event["query"]
    assert book.codec.encode("tokens.events", "LedgerRead", event)


def test_the_command_asks_first(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    book.write(None, 3, subject="u-1")
    settings = book.settings
    for name in ("database_url", "data_key"):
        monkeypatch.setenv(f"TOKENTRAIL_{name.upper()}", settings.require(name))
    monkeypatch.setenv("TOKENTRAIL_STATE_DIR", str(settings.state_dir))
    said_no = CliRunner().invoke(app, ["forget", "u-1", "--reason", "r"], input="n\n")
    assert said_no.exit_code != 0
    assert found_of(book, sub="u-1") == ["open"] * 3
    said_yes = CliRunner().invoke(app, ["forget", "u-1", "--reason", "r", "--yes", "--json"])
    assert said_yes.exit_code == 0, said_yes.output
    assert '"keys": 1' in said_yes.output
