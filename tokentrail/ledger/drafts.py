"""From Kafka records to drafts of entries: what was read, what could not be read, what we say ourselves."""

from __future__ import annotations

import json
from typing import Any

from tokentrail.codec import Codec, Undecodable
from tokentrail.events import now_micros, uuid7
from tokentrail.ledger.leaf import Draft
from tokentrail.stream import Record

UNREADABLE = "Unreadable"
CONFLICT = "EventConflict"
WRITER_SCHEMA = "WriterSchema"
HALTED = "PartitionHalted"


def read(codec: Codec, message: Record) -> tuple[Draft, str | None]:
    """The draft of a record, and why it could not be read (None if it could).

    Nothing is dropped: a record that no decoder takes becomes an entry with its very bytes as body.
    """
    value = message.value()
    try:
        type_, schema_id, event = codec.decode(message.topic(), value)
    except Undecodable as error:
        return unreadable(message), str(error)
    if "event_id" not in event:
        return unreadable(message), "not an event"
    source = event["source"]
    return (
        Draft(
            message.topic(),
            message.partition(),
            message.offset(),
            message.timestamp()[1],
            uuid_bytes(event["event_id"]),
            type_,
            event["issuer"],
            event["issuer_stream"],
            event["issuer_seq"],
            event["subject"],
            event["client_id"],
            event["session_id"],
            event["jti"],
            event["occurred_at"],
            schema_id,
            value or b"",
            source["ip"] if source else None,
            source["device_id"] if source else None,
        ),
        None,
    )


def unreadable(message: Record) -> Draft:
    """An entry for a record that cannot be read: its place in Kafka is public, its bytes are the body."""
    return Draft(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        kafka_time=message.timestamp()[1],
        event_id=None,
        type=UNREADABLE,
        issuer=None,
        issuer_stream=None,
        issuer_seq=-1,
        subject=None,
        client_id=None,
        session_id=None,
        jti=None,
        occurred_at=-1,
        schema_id=-1,
        body=message.value() or b"",
    )


def own(type_: str, *, subject: str | None = None, schema_id: int = -1, **said: Any) -> Draft:
    """An entry that the ledger makes itself; the body is canonical JSON of what it says."""
    return Draft(
        topic=None,
        partition=-1,
        offset=-1,
        kafka_time=-1,
        event_id=uuid_bytes(uuid7()),
        type=type_,
        issuer=None,
        issuer_stream=None,
        issuer_seq=-1,
        subject=subject,
        client_id=None,
        session_id=None,
        jti=None,
        occurred_at=now_micros(),
        schema_id=schema_id,
        body=json.dumps(said, sort_keys=True, separators=(",", ":")).encode(),
    )


def conflict(draft: Draft) -> Draft:
    """The same event id came again with other bytes: an entry of its own, never "a duplicate"."""
    draft.type = CONFLICT
    return draft


def uuid_bytes(text: str) -> bytes:
    """The 16 bytes of a UUID in text form."""
    return bytes.fromhex(text.replace("-", ""))
