"""Parse a leaf strictly: any byte too many, too few or out of form is an error."""

from __future__ import annotations

import struct
from typing import NamedTuple

MAGIC = b"tokentrail.leaf\x01"
FIXED = struct.Struct(">iqqqiq32s")
BODY_AT = len(MAGIC) + FIXED.size
NULL_LENGTH = 0xFFFF
FIELDS = 9


class Leaf(NamedTuple):
    """A leaf's fields; integers are None where the leaf says -1, times in ms (kafka) and us (occurred)."""

    partition: int | None
    offset: int | None
    kafka_time: int | None
    occurred_at: int | None
    schema_id: int | None
    issuer_seq: int | None
    commitment: bytes
    topic: str | None
    event_id: bytes | None
    type: str | None
    issuer: str | None
    issuer_stream: str | None
    subject: str | None
    client_id: str | None
    session_id: str | None
    jti: str | None


def parse(leaf: bytes) -> Leaf:
    """Read a leaf. Raises ValueError saying what is malformed."""
    if leaf[: len(MAGIC)] != MAGIC:
        raise ValueError("not a leaf of version 1")
    if len(leaf) < BODY_AT:
        raise ValueError("cut short")
    partition, offset, kafka_time, occurred_at, schema_id, issuer_seq, commitment = FIXED.unpack_from(leaf, len(MAGIC))
    at = BODY_AT
    fields: list[bytes | None] = []
    for _ in range(FIELDS):
        length = int.from_bytes(leaf[at : at + 2], "big")
        at += 2
        if length == NULL_LENGTH:
            fields.append(None)
        else:
            fields.append(leaf[at : at + length])
            at += length
    if at != len(leaf):
        raise ValueError("length prefixes and length disagree")
    topic, _, type_, issuer, stream, subject, client, session, jti = (
        None if raw is None or i == 1 else raw.decode() for i, raw in enumerate(fields)
    )
    return Leaf(
        _known(partition),
        _known(offset),
        _known(kafka_time),
        _known(occurred_at),
        _known(schema_id),
        _known(issuer_seq),
        commitment,
        topic,
        fields[1],
        type_,
        issuer,
        stream,
        subject,
        client,
        session,
        jti,
    )


def _known(number: int) -> int | None:
    return None if number == -1 else number
