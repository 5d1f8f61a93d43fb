"""Entries against Kafka positions: each offset of each partition once, none missing without a reason."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from psycopg import Connection

from tokentrail.verifier.report import Report

Partition = tuple[str, int]


class Offsets:
    """Follows the offsets of each partition through the log, in order of index."""

    def __init__(self, conn: Connection[Any], log_id: int, *, from_start: bool) -> None:
        self._from_start = from_start
        self._expected: dict[Partition, int] = {}
        self._skipped: dict[Partition, list[tuple[int, int]]] = {}
        for topic, partition, first, last in conn.execute(
            "select topic, partition, first_offset, last_offset from ledger.skipped_offset where log_id = %s "
            "order by topic, partition, first_offset",
            (log_id,),
        ):
            self._skipped.setdefault((topic, partition), []).append((first, last))
        self._positions: dict[Partition, int] = {
            (topic, partition): next_offset
            for topic, partition, next_offset in conn.execute(
                # Where a restored log went on, this one ended: its positions are those it was left at.
                """select p.topic, p.partition, least(p.next_offset, min(s.last_offset + 1))
                from ledger.partition_position p
                left join ledger.skipped_offset s on s.topic = p.topic and s.partition = p.partition
                    and s.log_id > %s and s.reason = 'earlier_log'
                group by p.topic, p.partition, p.next_offset""",
                (log_id,),
            )
        }

    def see(self, index: int, topic: str, partition: int, offset: int, report: Report) -> None:
        """The entry at `index` holds this offset."""
        key = (topic, partition)
        expected = self._expected.get(key)
        if expected is None:
            expected = 0 if self._from_start else offset
        if offset < expected:
            report.add("offset_repeated", index, f"{topic}[{partition}] offset {offset} is in the log already")
            return
        if offset > expected:
            missing = self._bridge(key, expected, offset)
            if missing is not None:
                report.add("offset_missing", index, f"{topic}[{partition}] offset {missing} is not in the log")
        self._expected[key] = offset + 1

    def pass_over(self) -> None:
        """Entries follow that cannot be read: which offsets they hold is not known."""
        self._from_start = False
        self._expected.clear()

    def _bridge(self, key: Partition, start: int, end: int) -> int | None:
        """The first offset of start..end-1 that no skipped range covers."""
        ranges = self._skipped.get(key, [])
        while start < end:
            at = bisect_right(ranges, (start, 1 << 62)) - 1
            if at < 0 or ranges[at][1] < start:
                return start
            start = ranges[at][1] + 1
        return None

    def finish(self, report: Report) -> None:
        """Compare with the stored positions: the log must reach exactly as far."""
        for key in sorted(self._positions.keys() | self._expected.keys()):
            stored = self._positions.get(key, 0)
            seen = self._expected.get(key, 0 if self._from_start else stored)
            name = f"{key[0]}[{key[1]}]"
            if seen > stored:
                report.add("offset_ahead", None, f"{name}: the log holds offset {seen - 1}, the position is {stored}")
            elif seen < stored:
                missing = self._bridge(key, seen, stored)
                if missing is not None:
                    report.add("offset_missing", None, f"{name}: offset {missing} was read and is not in the log")
