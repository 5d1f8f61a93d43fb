"""Which range of the log a pack looks at: wide enough that every possible match lies within."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.errors import NotFound, Refused
from tokentrail.ledger.archive.layout import ENTRIES, ArchivedRange, archived_ranges, place_of
from tokentrail.ledger.archive.read import outside
from tokentrail.ledger.checkpoints import Stored, newest
from tokentrail.ledger.leaf import FIXED, MAGIC
from tokentrail.ledger.leaves import read_leaves
from tokentrail.ledger.query import Query

# Partitions reach the log at their own pace: look this much further than the times asked for.
MARGIN = timedelta(minutes=10)
MAX_LEAVES = 2_000_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Entries first..end-1 under a checkpoint; `pruned` entries before `first` are gone for good."""

    first: int
    end: int
    checkpoint: Stored
    pruned: int


def scope_of(conn: Connection[Any], settings: Settings, log_id: int, query: Query) -> Scope:
    """The range to prove for a query. Raises NotFound without a checkpoint, Refused where it is too wide."""
    checkpoint = newest(conn, log_id)
    if checkpoint is None or checkpoint.tree_size == 0:
        raise NotFound("no signed checkpoint covers the log yet: run `tokentrail checkpointer`")
    ranges = archived_ranges(conn, log_id)
    pruned = max((one.last_index + 1 for one in ranges if one.pruned_at is not None), default=0)
    first, end = pruned, checkpoint.tree_size
    wide = Query(from_=query.from_ - MARGIN if query.from_ else None, to=query.to + MARGIN if query.to else None)
    if wide.from_ or wide.to:
        found = _bounds(conn, settings, log_id, wide, ranges)
        if found is not None:
            first = _clock_before(conn, settings, log_id, max(first, found[0]), first) if wide.from_ else first
            end = _clock_after(conn, settings, log_id, min(end, found[1] + 1), end) if wide.to else end
    if first >= end:
        raise NotFound("no entry of that time is under a signed checkpoint")
    if end - first > MAX_LEAVES:
        raise Refused(
            f"the pack would have to prove {end - first:,} entries (at most {MAX_LEAVES:,}): use --from, --to"
        )
    return Scope(first, end, checkpoint, pruned)


def _clock_before(conn: Connection[Any], settings: Settings, log_id: int, first: int, least: int) -> int:
    """Back to an entry with a broker's time: it is before the times asked for, and the verifier wants to see it."""
    while first > least:
        first -= 1
        if _has_clock(conn, settings, log_id, first):
            break
    return first


def _clock_after(conn: Connection[Any], settings: Settings, log_id: int, end: int, most: int) -> int:
    while end < most:
        end += 1
        if _has_clock(conn, settings, log_id, end - 1):
            break
    return end


def _has_clock(conn: Connection[Any], settings: Settings, log_id: int, index: int) -> bool:
    leaf = read_leaves(conn, settings, log_id, index, index + 1)[0]
    return bool(FIXED.unpack_from(leaf, len(MAGIC))[2] != -1)


def _bounds(
    conn: Connection[Any], settings: Settings, log_id: int, wide: Query, ranges: list[ArchivedRange]
) -> tuple[int, int] | None:
    """Least and greatest index of all entries within the times, in the table and the archive."""
    where, values = wide.conditions([])
    row = conn.execute(
        f"select min(index), max(index) from ledger.entry where log_id = %s{where}",  # noqa: S608 - our clauses
        (log_id, *values),
    ).fetchone()
    found = [index for index in row or () if index is not None]
    for range_ in ranges:
        if range_.pruned_at is None and not outside(range_, wide):
            terms = [pc.field("kafka_time").is_valid()]
            if wide.from_:
                terms.append(pc.field("kafka_time") >= pa.scalar(wide.from_, pa.timestamp("us", tz="UTC")))
            if wide.to:
                terms.append(pc.field("kafka_time") < pa.scalar(wide.to, pa.timestamp("us", tz="UTC")))
            where_ = reduce(and_, terms)
            indexes = ds.dataset(place_of(settings, range_) / ENTRIES).to_table(columns=["index"], filter=where_)
            if indexes.num_rows:
                both = pc.min_max(indexes["index"])
                found += [both["min"].as_py(), both["max"].as_py()]
    return (min(found), max(found)) if found else None
