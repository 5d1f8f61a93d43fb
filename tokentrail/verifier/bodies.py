"""Bodies, where the data keys are at hand: each opens its commitment and says what its leaf says.

A data key that is gone must have been forgotten on record: an entry later in the log says whose.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding
from fastavro import parse_schema, schemaless_reader
from psycopg import Connection

from tokentrail.verifier.leaf import Leaf, parse
from tokentrail.verifier.report import Report
from tokentrail.verifier.rows import Row
from tokentrail.verifier.statements import Statements

NONCE = 12
SALT = 32


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"tokentrail " + purpose).derive(key)


def _plain(schema: Any) -> Any:
    """The schema with logical types off, so that times come as integers."""
    if isinstance(schema, list):
        return [_plain(branch) for branch in schema]
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key != "logicalType"}
    return schema


def _schema_of(body: bytes) -> Any:
    """The parsed schema in the body of a WriterSchema entry."""
    return parse_schema(_plain(json.loads(json.loads(body)["schema"])))


class Bodies:
    """Opens each body whose key is there; counts those forgotten and those whose wrapping key is not ours."""

    def __init__(self, conn: Connection[Any], log_id: int, raw_keys: Sequence[bytes], statements: Statements) -> None:
        self._log_id = log_id
        self._statements = statements
        self._keys: dict[int, AESGCM | None] = {}
        # Of each subject whose data key is gone: the last entry that it sealed, and when it was forgotten.
        self._gone: dict[str | None, int] = {}
        self._said: dict[str | None, int] = {}
        self._schemas: dict[int, Any] = {}
        self._opened = self._forgotten = self._locked = 0
        masters = {}
        for raw in raw_keys:
            id_ = hashlib.sha256(_derive(raw, b"id")).hexdigest()[:16]
            masters[id_] = _derive(raw, b"wrap")
        self._search = [
            key
            for wrapping_key, wrapped in conn.execute(
                "select wrapping_key, wrapped from ledger.search_key where log_id = %s", (log_id,)
            )
            if (key := _unwrap(masters.get(wrapping_key), bytes(wrapped))) is not None
        ]
        for key_id, wrapping_key, wrapped in conn.execute(
            "select key_id, wrapping_key, wrapped from ledger.data_key where log_id = %s", (log_id,)
        ):
            raw_key = _unwrap(masters.get(wrapping_key), bytes(wrapped))
            self._keys[key_id] = None if raw_key is None else AESGCM(raw_key)
        self._load_schemas(conn, log_id)

    def _load_schemas(self, conn: Connection[Any], log_id: int) -> None:
        """Schemas from where they were said last: a walk may begin after the entry that said one first."""
        for schema_id, key_id, leaf, body in conn.execute(
            """select s.schema_id, e.key_id, e.leaf, e.body from ledger.writer_schema s
            join ledger.entry e on e.log_id = s.log_id and e.index = s.index where s.log_id = %s""",
            (log_id,),
        ):
            key = self._keys.get(key_id)
            with suppress(InvalidTag, ValueError):
                if key is not None:
                    salted = key.decrypt(body[:NONCE], body[NONCE:], parse(leaf).commitment)
                    self._schemas[schema_id] = _schema_of(salted[SALT:])

    def see(self, row: Row, leaf: Leaf, report: Report) -> None:
        """Open one body and compare."""
        if leaf.type == "SubjectForgotten" and leaf.topic is None:
            self._said[leaf.subject] = row.index
        key = self._keys.get(row.key_id or 0)
        if key is None:
            self._statements.see(row.index, leaf, None, None)
            if row.key_id in self._keys:
                self._locked += 1
            else:
                self._forgotten += 1
                self._gone[leaf.subject if leaf.topic is not None else None] = row.index
            return
        try:
            salted = key.decrypt(row.body[:NONCE], row.body[NONCE:], leaf.commitment)
        except InvalidTag:
            report.add("body", row.index, "the body was changed: it does not open under its key")
            return
        if hashlib.sha256(salted).digest() != leaf.commitment:
            report.add("body", row.index, "the body is not the one that the leaf commits to")
            return
        self._opened += 1
        self._compare(row, leaf, salted[SALT:], report)

    def _compare(self, row: Row, leaf: Leaf, body: bytes, report: Report) -> None:
        if leaf.type == "WriterSchema" and leaf.schema_id is not None:
            self._schemas[leaf.schema_id] = _schema_of(body)
            return
        if leaf.topic is None:
            self._statements.own(leaf.type or "", body)
            return
        schema = self._schemas.get(leaf.schema_id or 0)
        if leaf.type == "Unreadable":
            return
        if schema is None:  # said under a key that is not here; the bytes still count in a statement
            self._statements.see(row.index, leaf, body, None)
            return
        try:
            event = cast("dict[str, Any]", schemaless_reader(BytesIO(body[5:]), schema, None))
        except Exception as error:  # noqa: BLE001 - fastavro has no common error
            report.add("body", row.index, f"the body is not of its schema: {type(error).__name__}")
            return
        self._statements.see(row.index, leaf, body, event)
        said = (
            event["event_id"].replace("-", ""),
            event["issuer"],
            event["issuer_seq"],
            event["subject"],
            event["client_id"],
            event["session_id"],
            event["jti"],
            event["occurred_at"],
        )
        stands = (
            (leaf.event_id or b"").hex(),
            leaf.issuer,
            leaf.issuer_seq,
            leaf.subject,
            leaf.client_id,
            leaf.session_id,
            leaf.jti,
            leaf.occurred_at,
        )
        if said != stands:
            report.add("body", row.index, "the body says other than its leaf")
        source = event.get("source") or {}
        for name, kind, stored in (("ip", "ip", row.ip_hash), ("device_id", "device", row.device_hash)):
            text = source.get(name)
            if not self._hashes_to(stored, kind, text):
                report.add("column", row.index, f"column {kind}_hash is not what the body says")

    def _hashes_to(self, stored: bytes | None, kind: str, text: str | None) -> bool:
        """Whether a keyed hash is that of the text, under one of the log's search keys."""
        if text is None or stored is None:
            return text is None and stored is None
        message = f"{kind}\0{text}".encode()
        return any(hmac.digest(key, message, "sha256")[:16] == stored for key in self._search)

    def finish(self, report: Report) -> None:
        """Put the counts into the report, and data keys that went without a word."""
        for subject, last in self._gone.items():
            if self._said.get(subject, -1) < last:
                report.add(
                    "key_missing", last, "the data key is gone, and no entry says that its subject was forgotten"
                )
        report.bodies_opened = self._opened
        report.bodies_forgotten = self._forgotten
        report.bodies_locked = self._locked


def _unwrap(wrapping: bytes | None, wrapped: bytes) -> bytes | None:
    if wrapping is None:
        return None
    try:
        return aes_key_unwrap_with_padding(wrapping, wrapped)
    except InvalidUnwrap:
        return None
