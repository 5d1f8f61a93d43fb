"""Records that end the process, and errors that only look like it (faults B7, section 5 point 7)."""

from __future__ import annotations

import psycopg

from tests.feed import Feed
from tests.replay import assert_exactly_once
from tests.writers import ledger_offsets, wait_for, writer
from tokentrail.config import Settings

POISON = "poison-for-the-decoder"


def types(settings: Settings) -> dict[str, int]:
    with psycopg.connect(settings.require("database_url")) as conn:
        return dict(conn.execute("select type, count(*) from ledger.entry group by type").fetchall())


def test_a_record_that_ends_the_process_is_set_aside(ledger: Settings, feed: Feed) -> None:
    made = feed.values(60)
    bad, _ = made[30]
    value = feed._codec.encode("tokens.events", "TokenUsed", bad | {"audience": POISON})
    feed.send([*made[:30], (bad, value), *made[31:]])
    deaths = 0
    while ledger_offsets(ledger) < 60:
        with writer(ledger, "crash-on", POISON) as process:
            wait_for(lambda: process.poll() is not None or ledger_offsets(ledger) == 60, 60)
            deaths += process.poll() is not None
        assert deaths < 10
    assert deaths >= 3
    assert types(ledger) == {"TokenUsed": 59, "Unreadable": 1, "WriterSchema": 1}
    assert assert_exactly_once(ledger) == 60


def test_a_database_that_refuses_again_and_again_condemns_no_record(ledger: Settings, feed: Feed) -> None:
    url = ledger.require("database_url")
    feed.events(60)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("revoke insert on ledger.entry from tokentrail_writer")
        with writer(ledger):
            wait_for(lambda: claims(ledger) >= 6)
        with writer(ledger):
            wait_for(lambda: claims(ledger) >= 10)
            conn.execute("grant insert on ledger.entry to tokentrail_writer")
            wait_for(lambda: ledger_offsets(ledger) == 60)
    assert types(ledger) == {"TokenUsed": 60, "WriterSchema": 1}
    assert assert_exactly_once(ledger) == 60


def claims(settings: Settings) -> int:
    with psycopg.connect(settings.require("database_url")) as conn:
        row = conn.execute("select max(epoch) from ledger.partition_position").fetchone()
    return row[0] or 0 if row else 0
