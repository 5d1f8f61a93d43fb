"""Read archived months: by condition for search, whole for proofs and packs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import and_
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from tokentrail.config import Settings
from tokentrail.ledger.archive.layout import ENTRIES, HASHES, ArchivedRange, place_of
from tokentrail.ledger.query import Query

EQUAL = (("subject", "sub"), ("jti", "jti"), ("session_id", "sid"), ("client_id", "client"), ("type", "type"))


def find(
    settings: Settings, range_: ArchivedRange, query: Query, ip_hashes: list[bytes], limit: int
) -> list[SimpleNamespace]:
    """Entries of a month that match, newest first, as rows of ledger.entry would be."""
    if outside(range_, query):
        return []
    place = place_of(settings, range_)
    terms = [pc.field(column) == value for column, name in EQUAL if (value := getattr(query, name)) is not None]
    if query.from_ is not None:
        terms.append(pc.field("kafka_time") >= pa.scalar(query.from_, pa.timestamp("us", tz="UTC")))
    if query.to is not None:
        terms.append(pc.field("kafka_time") < pa.scalar(query.to, pa.timestamp("us", tz="UTC")))
    if query.ip is not None:
        terms.append(pc.field("index").isin(_with_address(place, ip_hashes)))
    where = reduce(and_, terms) if terms else None
    # Newest first means the last row groups first; stop once there are enough.
    found: list[SimpleNamespace] = []
    for fragment in reversed(list(_groups(place))):
        found += reversed(_rows(fragment.to_table(filter=where)))
        if len(found) >= limit:
            break
    return found[:limit]


def outside(range_: ArchivedRange, query: Query) -> bool:
    """Whether the month's times rule it out."""
    if range_.first_time is None or range_.last_time is None:
        return query.from_ is not None or query.to is not None
    return (query.from_ is not None and range_.last_time < query.from_) or (
        query.to is not None and range_.first_time >= query.to
    )


def by_index(settings: Settings, range_: ArchivedRange, first: int, last: int) -> Iterator[list[SimpleNamespace]]:
    """Batches of entries from index `first` to `last` inclusive, in order, as far as the month holds them."""
    where = (pc.field("index") >= first) & (pc.field("index") <= last)
    for fragment in _groups(place_of(settings, range_)):
        table = fragment.to_table(filter=where)
        if table.num_rows:
            yield _rows(table)


def by_event_id(settings: Settings, range_: ArchivedRange, event_id: UUID) -> list[SimpleNamespace]:
    """The entries of a month with this event id (more than one where there was a conflict)."""
    where = pc.field("event_id") == pa.scalar(event_id.bytes, pa.binary(16))
    return _rows(ds.dataset(place_of(settings, range_) / ENTRIES).to_table(filter=where))


def _groups(place: Path) -> Iterator[Any]:
    """The file's row groups, in order of index."""
    for fragment in ds.dataset(place / ENTRIES).get_fragments():
        yield from fragment.split_by_row_group()


def _with_address(place: Path, ip_hashes: list[bytes]) -> pa.Array:
    where = pc.field("ip_hash").isin(pa.array(ip_hashes, pa.binary()))
    return ds.dataset(place / HASHES).to_table(columns=["index"], filter=where)["index"].combine_chunks()


def _rows(table: pa.Table) -> list[SimpleNamespace]:
    rows = [SimpleNamespace(**row) for row in table.to_pylist()]
    for row in rows:
        row.event_id = UUID(bytes=row.event_id) if row.event_id else None
    return rows
