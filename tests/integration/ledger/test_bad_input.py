"""Records that cannot be read: set aside with their bytes and the reason, as entries and in the quarantine topic."""

from __future__ import annotations

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.feed import Feed
from tests.replay import assert_exactly_once
from tests.writers import ledger_offsets, wait_for, writer
from tokentrail.config import Settings
from tokentrail.events import QUARANTINE
from tokentrail.verifier import verify


def quarantined(settings: Settings, count: int) -> list[tuple[bytes | None, dict[str, bytes]]]:
    client = Consumer({"bootstrap.servers": settings.require("kafka_bootstrap"), "group.id": "q"})
    client.assign([TopicPartition(QUARANTINE, 0, 0)])
    found = []
    try:
        while len(found) < count:
            message = client.poll(20)
            assert message is not None, f"{len(found)} of {count} records came to quarantine"
            assert message.error() is None
            found.append((message.value(), dict(message.headers() or [])))
    finally:
        client.close()
    return found


def test_unreadable_records_are_set_aside_and_the_stream_goes_on(ledger: Settings, feed: Feed) -> None:
    good = feed.values(30)
    readable = good[0][1]
    bad = [
        b"\x00\x00\x00",  # shorter than its frame
        b"\x07" + readable[1:],  # magic byte
        b"\x00\x00\x0f\xff\xff" + readable[5:],  # schema that nobody registered
        readable[:-3],  # truncated
        readable + b"\0\0",  # trailing bytes
        readable[:5] + b"\xff" * 40,  # rubbish
        b"\x00" * 70_000,  # oversized
        b"plain text",
    ]
    feed.send(good[:10])
    for value in bad:
        feed.raw(value)
    feed.raw(None, b"u-1")  # a tombstone deletes nothing
    feed.raw(b"", None)
    feed.send(good[10:])
    total = len(good) + len(bad) + 2
    with writer(ledger):
        wait_for(lambda: ledger_offsets(ledger) == total)
        found = quarantined(ledger, len(bad) + 2)
    assert sorted(value or b"" for value, _ in found) == sorted([*bad, b"", b""])
    assert all(headers["tt_reason"] and headers["tt_topic"] == b"tokens.events" for _, headers in found)
    with psycopg.connect(ledger.require("database_url")) as conn:
        counts = dict(conn.execute("select type, count(*) from ledger.entry group by type").fetchall())
    assert counts == {"TokenUsed": 30, "Unreadable": len(bad) + 2, "WriterSchema": 1}
    # The replay compares bodies byte for byte; a tombstone's body is empty.
    with pytest.raises(AssertionError):
        assert_exactly_once(ledger)


def test_the_same_id_with_other_bytes_is_a_conflict_not_a_duplicate(ledger: Settings, feed: Feed) -> None:
    (event, value), (other, _) = feed.values(2)
    forged = feed._codec.encode("tokens.events", "TokenUsed", other | {"event_id": event["event_id"]})
    key = str(event["subject"]).encode()
    feed.raw(value, key)
    feed.raw(forged, key)
    with writer(ledger):
        wait_for(lambda: ledger_offsets(ledger) == 2)
        feed.raw(forged, key)
        feed.raw(value, key)
        wait_for(lambda: ledger_offsets(ledger) == 4)
    with psycopg.connect(ledger.require("database_url")) as conn:
        rows = conn.execute('select type, "offset" from ledger.entry where topic is not null order by index').fetchall()
    assert rows == [("TokenUsed", 0), ("EventConflict", 1), ("EventConflict", 2)]
    assert assert_exactly_once(ledger, duplicates=1) == 4


def test_a_retention_gap_stops_the_partition_and_is_an_entry(ledger: Settings, feed: Feed) -> None:
    from tokentrail.kafka import admin  # noqa: PLC0415

    feed.events(200)
    with writer(ledger):
        wait_for(lambda: ledger_offsets(ledger) == 200)
    feed.events(200)
    with psycopg.connect(ledger.require("database_url")) as conn:
        at = conn.execute(
            "select partition, next_offset from ledger.partition_position where next_offset > 0 limit 1"
        ).fetchone()
    assert at is not None
    client = admin(ledger)  # kept: a client that is collected takes its futures with it
    cut = TopicPartition("tokens.events", at[0], at[1] + 5)
    client.delete_records([cut])[cut].result(15)
    with writer(ledger):
        wait_for(lambda: halted(ledger) == [(at[0], True)])
    with psycopg.connect(ledger.require("database_url")) as conn:
        count = conn.execute("select count(*) from ledger.entry where type = 'PartitionHalted'").fetchone()
        stays = conn.execute(
            "select next_offset from ledger.partition_position where partition = %s and topic = 'tokens.events'",
            (at[0],),
        ).fetchone()
    assert count == (1,)
    assert stays == (at[1],)


def halted(settings: Settings) -> list[tuple[int, bool]]:
    with psycopg.connect(settings.require("database_url")) as conn:
        return conn.execute(
            "select partition, halted is not null from ledger.partition_position where halted is not null"
        ).fetchall()


def test_a_topic_made_anew_stops_its_partitions(ledger: Settings, feed: Feed) -> None:
    from tokentrail.kafka import admin, ensure_topics  # noqa: PLC0415

    feed.events(100)
    with writer(ledger):
        wait_for(lambda: ledger_offsets(ledger) == 100)
    client = admin(ledger)
    client.delete_topics(["tokens.events"])["tokens.events"].result(15)
    wait_for(lambda: "tokens.events" in ensure_topics(ledger))
    with writer(ledger):
        wait_for(lambda: len(halted(ledger)) == 6)
    assert ledger_offsets(ledger) == 100


def test_a_person_accepts_a_gap_and_that_is_an_entry(ledger: Settings, feed: Feed) -> None:
    from tokentrail.db import connect  # noqa: PLC0415
    from tokentrail.errors import NotFound, Refused  # noqa: PLC0415
    from tokentrail.kafka import admin  # noqa: PLC0415
    from tokentrail.ledger.partitions import accept_gap, positions  # noqa: PLC0415

    feed.events(200)
    with writer(ledger):
        wait_for(lambda: ledger_offsets(ledger) == 200)
    feed.events(200)
    with connect(ledger, "writer", autocommit=True) as conn:
        at = next(p for p in positions(conn) if p.next_offset > 20)
        with pytest.raises(NotFound):
            accept_gap(conn, ledger, at.topic, at.partition, at.next_offset + 3, "why", "me")
        client = admin(ledger)
        cut = TopicPartition(at.topic, at.partition, at.next_offset + 3)
        client.delete_records([cut])[cut].result(15)
        with writer(ledger):
            wait_for(lambda: halted(ledger) == [(at.partition, True)])
        with pytest.raises(Refused):
            accept_gap(conn, ledger, at.topic, at.partition, at.next_offset, "why", "me")
        accept_gap(conn, ledger, at.topic, at.partition, at.next_offset + 3, "retention was too short", "me")
    with writer(ledger):
        wait_for(lambda: ledger_offsets(ledger) == 400)
    with psycopg.connect(ledger.require("database_url")) as conn:
        count = conn.execute("select count(*) from ledger.entry where type = 'GapAccepted'").fetchone()
        assert count == (1,)
        conn.rollback()
        assert verify(conn, ledger.ledger_origin).as_dict()["problems"] == []
