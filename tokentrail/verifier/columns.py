"""A column that disagrees with the leaf is tampering too."""

from __future__ import annotations

from tokentrail.verifier.leaf import Leaf, parse
from tokentrail.verifier.report import Report
from tokentrail.verifier.rows import Row

COMPARED = (
    "topic",
    "partition",
    "offset",
    "event_id",
    "type",
    "issuer",
    "issuer_stream",
    "issuer_seq",
    "subject",
    "client_id",
    "session_id",
    "jti",
    "occurred_at",
    "schema_id",
)


def check_columns(row: Row, report: Report) -> Leaf | None:
    """Parse the leaf and compare each projected column; returns the leaf if it is well formed."""
    try:
        leaf = parse(row.leaf)
    except (ValueError, UnicodeDecodeError) as error:
        report.add("leaf", row.index, f"leaf is malformed: {error}")
        return None
    said = (
        leaf.topic, leaf.partition, leaf.offset, leaf.event_id, leaf.type, leaf.issuer, leaf.issuer_stream,
        leaf.issuer_seq, leaf.subject, leaf.client_id, leaf.session_id, leaf.jti, leaf.occurred_at, leaf.schema_id,
    )  # fmt: skip
    stands = (
        row.topic, row.partition, row.offset, row.event_id, row.type, row.issuer, row.issuer_stream,
        row.issuer_seq, row.subject, row.client_id, row.session_id, row.jti, row.occurred_at, row.schema_id,
    )  # fmt: skip
    if said != stands:
        for name, ours, theirs in zip(COMPARED, said, stands, strict=True):
            if ours != theirs:
                report.add("column", row.index, f"column {name} is not what the leaf says")
    kafka_time = None if leaf.kafka_time is None else leaf.kafka_time * 1000
    if row.kafka_time != kafka_time:
        report.add("column", row.index, "column kafka_time is not what the leaf says")
    return leaf
