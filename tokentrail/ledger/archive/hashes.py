"""Take a forgotten subject's keyed hashes out of archived months; the entries themselves are never touched."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.ledger.archive.layout import ENTRIES, HASHES, archived_ranges, place_of, sync
from tokentrail.ledger.own_entry import find_log


def clear_archived(settings: Settings, subject: str) -> int:
    """Rewrite hashes.parquet of each month without the subject's forgotten entries; returns how many went.

    May be repeated. Each file is replaced by one rename.
    """
    cleared = 0
    with connect(settings, "retention", autocommit=True) as conn:
        ranges = archived_ranges(conn, find_log(conn, settings.ledger_origin))
        for range_ in ranges:
            if range_.pruned_at is not None:
                continue
            place = place_of(settings, range_)
            of_subject = ds.dataset(place / ENTRIES).to_table(
                columns=["index", "key_id"], filter=pc.field("subject") == subject
            )
            ids = sorted({key for key in of_subject["key_id"].to_pylist() if key is not None})
            there = {
                row[0] for row in conn.execute("select key_id from ledger.data_key where key_id = any(%s)", (ids,))
            }
            pairs = zip(of_subject["index"].to_pylist(), of_subject["key_id"].to_pylist(), strict=True)
            gone = [index for index, key_id in pairs if key_id not in there]
            if gone:
                cleared += _without(place, gone)
    return cleared


def _without(place: Path, gone: list[int]) -> int:
    stored = pq.read_table(place / HASHES)
    kept = stored.filter(pc.invert(pc.is_in(stored["index"], value_set=pa.array(gone, pa.int64()))))
    if kept.num_rows == stored.num_rows:
        return 0
    partial = place / (HASHES + ".partial")
    pq.write_table(kept, partial, compression="zstd")
    sync(partial)
    partial.replace(place / HASHES)
    sync(place)
    return int(stored.num_rows - kept.num_rows)
