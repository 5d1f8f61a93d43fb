"""Move whole months from the table to Parquet, oldest first; the writer waits for a moment at most.

Steps of a month: write the files, read them back, rename them into place, and then in one transaction
record the range, append an Archived entry and drop the partition. A run that dies at any point is repeated
from the start of its month and finds what it left.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import Refused
from tokentrail.ledger.archive.layout import archive_dir, location
from tokentrail.ledger.archive.write import Month, write_month
from tokentrail.ledger.drafts import WRITER_SCHEMA, own
from tokentrail.ledger.leaf import COMMITMENT, Draft
from tokentrail.ledger.own_entry import ARCHIVED, append_own, find_log
from tokentrail.ledger.seal import KeyRing, SealedBody, master_keys

# A month stays in the table this long after its end: Kafka and outboxes may still bring an event again.
MARGIN_DAYS = 31
LOCK_WAIT = "200 ms"
GIVE_UP_SECONDS = 600
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ArchivedMonth:
    """What was archived of one log."""

    month: date
    origin: str
    first_index: int
    last_index: int
    place: Path


def archive_before(
    settings: Settings, before: datetime, progress: Progress = lambda _step: None
) -> list[ArchivedMonth]:
    """Archive every month that ended before `before`; returns what was moved, oldest first.

    Raises Refused where a month must stay: it ended less than 31 days ago, holds the tree's edge, or no
    checkpoint covers it yet. Months before it are done by then.
    """
    base = archive_dir(settings)
    moved: list[ArchivedMonth] = []
    with connect(settings, "retention", autocommit=True) as conn:
        # Reading and writing a month of millions takes longer than a writer's transaction may.
        conn.execute("set idle_in_transaction_session_timeout = '10min'; set statement_timeout = '30min'")
        find_log(conn, settings.ledger_origin)
        if not conn.execute("select pg_try_advisory_lock(hashtext('ledger.archive run'))").fetchone()[0]:  # type: ignore[index]
            raise Refused("another archive run is under way")
        for month in _due(conn, before):
            parts = _parts(conn, month)
            progress("begun")
            hashes = [write_month(conn, base, part, progress) for part in parts]
            _move(settings, conn, month, parts, hashes, progress)
            progress("moved")
            moved += [
                ArchivedMonth(
                    month, part.origin, part.first_index, part.last_index,
                    base / location(part.log_id, part.origin, month),
                )
                for part in parts
            ]  # fmt: skip
    return moved


def _due(conn: Connection[Any], before: datetime) -> list[date]:
    """First days of the months in the table that ended before `before`, oldest first."""
    rows = conn.execute(
        """select to_date(right(c.relname, 7), 'YYYY_MM') from pg_inherits i
        join pg_class c on c.oid = i.inhrelid where i.inhparent = 'ledger.entry'::regclass order by 1"""
    ).fetchall()
    months = [row[0] for row in rows]
    due = [month for month in months if _end(month) <= before]
    margin = datetime.now(UTC) - timedelta(days=MARGIN_DAYS)
    young = [month for month in due if _end(month) > margin]
    if young and len(young) == len(due):
        raise Refused(
            f"{young[0]:%Y-%m} ended less than {MARGIN_DAYS} days ago and stays: events may still come again; "
            "nothing older is in the table"
        )
    return [month for month in due if month not in young]


def _end(month: date) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def _parts(conn: Connection[Any], month: date) -> list[Month]:
    """The month of each log that has entries in it. Raises Refused where a log's tree ends in it."""
    rows = conn.execute(
        """select l.log_id, l.origin, l.size, p.first, p.last, p.first_time, p.last_time from ledger.log l
        cross join lateral (
            select min(e.index) as first, max(e.index) as last,
                   min(e.kafka_time) as first_time, max(e.kafka_time) as last_time
            from ledger.entry e
            where e.log_id = l.log_id and e.appended_at >= %s::timestamptz and e.appended_at < %s::timestamptz
        ) p where p.first is not null order by l.log_id""",
        (_start(month), _end(month)),
    ).fetchall()
    parts = []
    for log_id, origin, size, first, last, first_time, last_time in rows:
        if last >= size - size % 256:
            raise Refused(
                f"{month:%Y-%m} holds the newest entries of {origin} and stays until {256 - size % 256} more have come"
            )
        before = _chain(conn, log_id, first - 1)
        parts.append(
            Month(log_id, origin, month, first, last, before, _chain(conn, log_id, last), first_time, last_time)
        )
    return parts


def _start(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def _chain(conn: Connection[Any], log_id: int, index: int) -> bytes:
    """The chain hash of an entry, in the table or at the end of an archived month."""
    if index < 0:
        return bytes(32)
    row = conn.execute(
        """select chain_hash from ledger.entry where log_id = %(log)s and index = %(index)s
        union all select chain_hash from ledger.archived_range where log_id = %(log)s and last_index = %(index)s""",
        {"log": log_id, "index": index},
    ).fetchone()
    if row is None:
        raise Refused(
            f"entry {index} is neither in the table nor at the end of an archived month: run `tokentrail verify`"
        )
    return bytes(row[0])


def _move(
    settings: Settings, conn: Connection[Any], month: date, parts: list[Month], hashes: list[str], progress: Progress
) -> None:
    """Record and drop, in one transaction, again and again until no reader stands in the way."""
    for attempt in Retrying(
        retry=retry_if_exception_type((psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)),
        wait=wait_exponential_jitter(multiplier=0.2, max=5),
        stop=stop_after_delay(GIVE_UP_SECONDS),
        reraise=True,
    ):
        with attempt, conn.transaction():
            log_id = find_log(conn, settings.ledger_origin)
            _record(conn, parts, hashes)
            ranges = [
                {
                    "origin": part.origin,
                    "first_index": part.first_index,
                    "last_index": part.last_index,
                    "manifest": said,
                }
                for part, said in zip(parts, hashes, strict=True)
            ]
            if ranges:
                said = own(ARCHIVED, subject=f"month {month:%Y-%m}", month=f"{month:%Y-%m}", ranges=ranges)
                _append(settings, conn, log_id, parts, said)
            progress("appended")
            conn.execute("select ledger.drop_archived_month(%s, %s::interval)", (month, LOCK_WAIT))
            progress("dropped")


def _append(settings: Settings, conn: Connection[Any], log_id: int, parts: list[Month], said: Draft) -> None:
    """Say what was moved, and say again the writer schemas that go with it: what stays is read by them."""
    restated: dict[int, Draft] = {}
    ring = KeyRing(conn, log_id, master_keys(settings))
    for part in parts:
        rows = conn.execute(
            """select s.schema_id, e.key_id, e.leaf, e.body from ledger.writer_schema s
            join ledger.entry e on e.log_id = s.log_id and e.index = s.index
            where s.log_id = %s and s.log_id = %s and s.index between %s and %s order by s.schema_id""",
            (log_id, part.log_id, part.first_index, part.last_index),
        ).fetchall()
        keys = ring.opening_keys(row[1] for row in rows)
        for schema_id, key_id, leaf, sealed in rows:
            if key_id in keys:
                body = SealedBody.open(keys[key_id], bytes(sealed), bytes(leaf)[COMMITMENT])[1]
                restated[schema_id] = own(WRITER_SCHEMA, schema_id=schema_id, schema=json.loads(body)["schema"])
    first = append_own(conn, settings, log_id, [*restated.values(), said])
    for index, schema_id in enumerate(restated, first):
        conn.execute(
            "update ledger.writer_schema set index = %s where log_id = %s and schema_id = %s",
            (index, log_id, schema_id),
        )


def _record(conn: Connection[Any], parts: list[Month], hashes: list[str]) -> None:
    for part, said in zip(parts, hashes, strict=True):
        conn.execute(
            """insert into ledger.archived_range (log_id, month, first_index, last_index, chain_before, chain_hash,
                first_time, last_time, location, manifest_hash)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            (
                part.log_id, part.month, part.first_index, part.last_index, part.chain_before, part.chain_hash,
                part.first_time, part.last_time, location(part.log_id, part.origin, part.month), bytes.fromhex(said),
            ),
        )  # fmt: skip


def clean(base: Path) -> None:
    """Remove what runs that died left half-written."""
    for partial in base.glob("*/*.partial"):
        shutil.rmtree(partial, ignore_errors=True)
