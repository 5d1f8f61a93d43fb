"""Delete archived months past the retention. Their leaf hashes stay in the tiles, so the log still verifies."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import Refused
from tokentrail.ledger.archive.layout import ENTRIES, ArchivedRange, archive_dir, archived_ranges, place_of
from tokentrail.ledger.drafts import own
from tokentrail.ledger.own_entry import PRUNED, append_own, find_log

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PrunedMonth:
    """What is gone."""

    month: date
    first_index: int
    last_index: int


def prune(
    settings: Settings, before: datetime | None = None, progress: Progress = lambda _s: None
) -> list[PrunedMonth]:
    """Delete the Parquet of months that ended more than the retention ago (and before `before`, if given).

    The record, with a Pruned entry, comes first and the files after it; a run that died in between is
    completed by the next. Raises Refused for a month within the retention when `before` asks for it, and
    for one that holds entries of a subject under legal hold.
    """
    limit = datetime.now(UTC) - timedelta(days=settings.retention_days)
    if before is not None and before > limit:
        raise Refused(
            f"only what is older than {settings.retention_days} days may be pruned, that is before "
            f"{limit:%Y-%m-%d} (TOKENTRAIL_RETENTION_DAYS)"
        )
    pruned = []
    with connect(settings, "retention", autocommit=True) as conn:
        log_id = find_log(conn, settings.ledger_origin)
        for range_ in archived_ranges(conn, log_id):
            if _end(range_.month) > (before or limit):
                continue
            if range_.pruned_at is None:
                place = place_of(settings, range_)
                with conn.transaction():
                    conn.execute("select ledger.lock_retention()")
                    _check_holds(conn, range_, place)
                    _record(conn, settings, range_)
                progress("recorded")
                pruned.append(PrunedMonth(range_.month, range_.first_index, range_.last_index))
            shutil.rmtree(archive_dir(settings) / range_.location, ignore_errors=True)
            progress("deleted")
    return pruned


def _end(month: date) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def _check_holds(conn: Connection[Any], range_: ArchivedRange, place: Any) -> None:
    held = [
        row[0]
        for row in conn.execute(
            "select subject from ledger.legal_hold where log_id = %s and released_at is null", (range_.log_id,)
        )
    ]
    if held and ds.dataset(place / ENTRIES).count_rows(filter=pc.field("subject").isin(held)):
        raise Refused(f"{range_.month:%Y-%m} holds entries under a legal hold: see `tokentrail hold list`")


def _record(conn: Connection[Any], settings: Settings, range_: ArchivedRange) -> None:
    conn.execute(
        "update ledger.archived_range set pruned_at = clock_timestamp() where log_id = %s and month = %s",
        (range_.log_id, range_.month),
    )
    said = own(
        PRUNED,
        subject=f"entries 0 to {range_.last_index}",
        month=f"{range_.month:%Y-%m}",
        first_index=range_.first_index,
        last_index=range_.last_index,
        manifest=range_.manifest_hash.hex(),
        retention_days=settings.retention_days,
    )
    append_own(conn, settings, range_.log_id, [said])
