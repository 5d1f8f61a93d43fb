"""Completeness: what each issuer says it sent, held against the entries, up to its last statement.

A statement that does not hold is a problem unless the ledger itself said so at the time (an entry
StatementDiffers): loss that is on record is reported as incompleteness, not as tampering.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from tokentrail.verifier.leaf import Leaf
from tokentrail.verifier.merkle import Accumulator
from tokentrail.verifier.report import Report

MAX_OPEN = 500_000
STATEMENT_TYP = "tokentrail-statement+jwt"
OWN_RANGE = ("EventConflict", "Unreadable")


@dataclass(slots=True)
class _Said:
    index: int
    event: dict[str, Any]


@dataclass(slots=True)
class _Stream:
    """One sequence of one publisher. `hashes` holds numbers that no statement covered yet; None: sealed."""

    events: int = 0
    stated_to: int = 0
    highest: int = -1
    hashes: dict[int, bytes | None] = field(default_factory=dict)
    waiting: list[_Said] = field(default_factory=list)
    statements: int = 0
    ids: set[str] = field(default_factory=set)
    repeated: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unchecked: bool = False


class Statements:
    """Follows every publisher's sequence through the log."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._keys: dict[tuple[str, str], RSAKey] = {}
        self._on_record: set[str] = set()

    def see(self, index: int, leaf: Leaf, body: bytes | None, event: dict[str, Any] | None) -> None:
        """An entry that came from Kafka; body and event are None where it stays sealed."""
        if leaf.issuer is None or leaf.issuer_seq is None or leaf.type in OWN_RANGE:
            return
        stream = self._streams.setdefault((leaf.issuer, leaf.issuer_stream or ""), _Stream())
        stream.events += 1
        stream.highest = max(stream.highest, leaf.issuer_seq)
        if leaf.issuer_seq in stream.hashes or leaf.issuer_seq < stream.stated_to:
            stream.repeated.append(leaf.issuer_seq)
        elif len(stream.hashes) >= MAX_OPEN:
            stream.unchecked = True
            stream.hashes.clear()
        else:
            stream.hashes[leaf.issuer_seq] = None if body is None else hashlib.sha256(b"\x00" + body).digest()
        if event is not None and leaf.type == "IssuerStatement":
            stream.waiting.append(_Said(index, event))
            self._settle(leaf.issuer, stream)

    def own(self, type_: str, body: bytes) -> None:
        """An entry that the ledger made itself: keys that sign statements, and statements found not to hold."""
        if type_ == "IssuerKey":
            said = json.loads(body)
            self._keys[said["issuer"], said["kid"]] = RSAKey.import_key(said["jwk"])
        elif type_ == "StatementDiffers":
            self._on_record.add(json.loads(body)["statement"])

    def _settle(self, issuer: str, stream: _Stream) -> None:
        """Take statements off, in order of their ranges, whose events have all come."""
        stream.waiting.sort(key=lambda said: int(said.event["first_seq"]))
        while stream.waiting:
            event = stream.waiting[0].event
            numbers = range(event["first_seq"], event["last_seq"] + 1)
            if event["first_seq"] != stream.stated_to or any(n not in stream.hashes for n in numbers):
                return
            self._take(issuer, stream, event, numbers)
            stream.waiting.pop(0)

    def _take(self, issuer: str, stream: _Stream, event: dict[str, Any], numbers: range) -> None:
        """Judge a statement whose events are all there."""
        hashes = [stream.hashes.pop(n) for n in numbers]
        if not (_root_holds(event, hashes) and self._signed(issuer, event)):
            stream.failed.append(str(event["event_id"]))
        stream.statements += 1
        stream.ids.add(str(event["event_id"]))
        stream.stated_to = event["last_seq"] + 1

    def _signed(self, issuer: str, event: dict[str, Any]) -> bool:
        """The key comes from the log. One that the log does not hold yet is not held against the statement."""
        try:
            kid = jws.extract_compact(event["signature"].encode()).headers().get("kid")
            key = self._keys.get((issuer, str(kid)))
            if key is None:
                return True
            claims = json.loads(jws.deserialize_compact(event["signature"], key, algorithms=["RS256"]).payload or b"")
            return bool(claims["root_hash"] == event["root_hash"].hex() and claims["last_seq"] == event["last_seq"])
        except (JoseError, ValueError, KeyError):
            return False

    def _settle_the_rest(self, issuer: str, stream: _Stream) -> None:
        """At the end: each statement by itself, so that one lost event fails one statement and not all after it."""
        for said in stream.waiting if not stream.unchecked else []:
            numbers = range(said.event["first_seq"], said.event["last_seq"] + 1)
            if all(n in stream.hashes for n in numbers):
                self._take(issuer, stream, said.event, numbers)
            else:
                stream.failed.append(str(said.event["event_id"]))

    def finish(self, report: Report, *, opened: bool) -> None:
        """Report each publisher's completeness; what is not on record is a problem."""
        for (issuer, name), stream in sorted(self._streams.items()):
            self._settle_the_rest(issuer, stream)
            on_record = stream.ids & self._on_record
            unsaid = [id_ for id_ in stream.failed if id_ not in self._on_record]
            for id_ in unsaid:
                report.add("statement", None, f"statement {id_} of {issuer} does not hold, and no entry says so")
            report.completeness.append(
                {
                    "issuer": issuer,
                    "stream": name,
                    "events": stream.events,
                    "statements": stream.statements if opened else None,
                    "stated_to": stream.stated_to if opened else None,
                    "highest": stream.highest,
                    "repeated": stream.repeated[:20],
                    "complete": not (stream.failed or stream.repeated or on_record)
                    if opened and stream.statements
                    else None,
                }
            )


def _root_holds(event: dict[str, Any], hashes: list[bytes | None]) -> bool:
    if event["count"] != len(hashes):
        return False
    if any(leaf_hash is None for leaf_hash in hashes):
        return True  # forgotten subjects: the count and the numbers still hold
    tree = Accumulator()
    tree.extend([leaf_hash for leaf_hash in hashes if leaf_hash is not None])
    return tree.root() == bytes(event["root_hash"])
