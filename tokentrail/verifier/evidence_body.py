"""Opened bodies in a pack: each is what its leaf commits to, says what its leaf says, and was read rightly."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from io import BytesIO
from typing import Any, cast

from fastavro import parse_schema, schemaless_reader

from tokentrail.verifier.leaf import Leaf

FRAME = 5
SAID = ("issuer", "issuer_stream", "issuer_seq", "subject", "client_id", "session_id", "jti", "occurred_at")


def unbase64(text: Any) -> bytes:
    """Canonical base64. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("not base64")  # noqa: TRY004 - one kind of error for a file that is wrong
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise ValueError("base64 not in canonical form")
    return raw


class BodyReader:
    """Reads bodies by the writer schemas of the pack, which are proved entries themselves."""

    def __init__(self) -> None:
        self._schemas: dict[int, Any] = {}

    def add_schema(self, leaf: Leaf, body: bytes) -> None:
        """Take the schema of a WriterSchema entry. Raises ValueError."""
        if leaf.type != "WriterSchema" or leaf.topic is not None or leaf.schema_id is None:
            raise ValueError("not a WriterSchema entry")
        said = json.loads(body)
        self._schemas[leaf.schema_id] = parse_schema(_plain(json.loads(said["schema"])))

    def problem(self, leaf: Leaf, entry: dict[str, Any]) -> str | None:
        """What is wrong with an entry's opened body, or None."""
        salt, body = unbase64(entry["salt"]), unbase64(entry["body"])
        if len(salt) != 32 or hashlib.sha256(salt + body).digest() != leaf.commitment:
            return "the body is not the one that the leaf commits to"
        try:
            event = self.event(leaf, body)
        except Exception as error:  # noqa: BLE001 - fastavro has no common error
            return f"the body cannot be read by its schema: {type(error).__name__}"
        if event != entry["event"]:
            return "the event is not what the body says"
        if leaf.topic is not None and leaf.type not in ("Unreadable", "EventConflict") and self._differs(leaf, event):
            return "the body says other than its leaf"
        return None

    def event(self, leaf: Leaf, body: bytes) -> dict[str, Any]:
        """The event in a body. Raises what the decoder raises, LookupError without the schema."""
        if leaf.type == "Unreadable":
            return {"unreadable": body.hex()}
        if leaf.topic is None or leaf.schema_id is None:
            return cast("dict[str, Any]", json.loads(body))
        raw = cast("dict[str, Any]", schemaless_reader(BytesIO(body[FRAME:]), self._schemas[leaf.schema_id], None))
        return {name: value.hex() if isinstance(value, bytes) else value for name, value in raw.items()}

    @staticmethod
    def _differs(leaf: Leaf, event: dict[str, Any]) -> bool:
        event_id = (leaf.event_id or b"").hex()
        return event["event_id"].replace("-", "") != event_id or any(
            event[name] != getattr(leaf, name) for name in SAID
        )


def _plain(schema: Any) -> Any:
    """The schema with logical types off, so that times come as integers."""
    if isinstance(schema, list):
        return [_plain(branch) for branch in schema]
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key != "logicalType"}
    return schema
