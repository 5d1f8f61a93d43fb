"""add-checkpoint of c2sp.org/tlog-witness: every rule of the specification, in its order, with its status."""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tokentrail.ledger.notes import NoteKey
from tokentrail.verifier.merkle import check_consistency
from tokentrail.verifier.notes import Checkpoint, NoteError, VKey, open_checkpoint, parse_checkpoint, tree_size
from tokentrail.witness.state import Cosigned, State

MAX_PROOF_LINES = 63
PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: str
    content_type: str = PLAIN


class Witness:
    """Cosigns heads of pinned logs that only grow. Calls may come from several threads."""

    def __init__(self, key: NoteKey, logs: Sequence[VKey], state: State) -> None:
        self._key = key
        self._logs = {log.name: log for log in logs}
        self._state = state
        self._turn = threading.Lock()

    def add_checkpoint(self, body: bytes) -> Answer:
        """Judge one request; 200 carries the cosignature line."""
        try:
            old_size, proof, note = _parse_request(body)
            claimed = parse_checkpoint(note)
        except NoteError as error:
            return Answer(400, f"{error}\n")
        log = self._logs.get(claimed.origin)
        if log is None:
            return Answer(404, "this log is not known here\n")
        try:
            head = open_checkpoint(note, log)
        except NoteError as error:
            return Answer(403, f"{error}\n")
        if old_size > head.size:
            return Answer(400, "the old size is larger than the checkpoint's\n")
        with self._turn, self._state.exclusive():
            return self._judge(old_size, proof, head)

    def _judge(self, old_size: int, proof: list[bytes], head: Checkpoint) -> Answer:
        last = self._state.newest(head.origin)
        known = last.size if last else 0
        if old_size != known:
            return Answer(409, f"{known}\n", "text/x.tlog.size")
        if last is None or known == 0:
            if proof:
                return Answer(422, "the proof from size 0 must be empty\n")
        elif not check_consistency(known, head.size, proof, last.root, head.root):
            return Answer(422, f"the tree of size {head.size} does not extend the one of size {known} cosigned here\n")
        line = self._key.cosign(head.text, int(time.time()))
        ours = "".join(s.line for s in head.signatures if s.name == head.origin and s.key_id == self._id_of(head))
        self._state.put(head.origin, Cosigned(head.size, head.root, f"{head.text}\n{ours}{line}"))
        return Answer(200, line)

    def _id_of(self, head: Checkpoint) -> bytes:
        return self._logs[head.origin].key_id

    def checkpoint(self, origin_hash: str) -> Answer:
        """The newest cosigned checkpoint of the log whose origin has this SHA-256 (64 hex digits)."""
        for origin in self._logs:
            if hashlib.sha256(origin.encode()).hexdigest() == origin_hash:
                with self._turn:
                    found = self._state.newest(origin)
                if found is not None:
                    return Answer(200, found.note)
        return Answer(404, "nothing was cosigned\n")


def _parse_request(body: bytes) -> tuple[int, list[bytes], bytes]:
    """Old size, proof and note. Raises NoteError."""
    head, found, note = body.partition(b"\n\n")
    if not found:
        raise NoteError("the request has no empty line after the proof")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise NoteError("the request's head is not ASCII") from None
    if not lines[0].startswith("old "):
        raise NoteError("the request does not begin with the old size")
    if len(lines) - 1 > MAX_PROOF_LINES:
        raise NoteError(f"the proof has over {MAX_PROOF_LINES} lines")
    return tree_size(lines[0].removeprefix("old ")), [_hash(line) for line in lines[1:]], note


def _hash(line: str) -> bytes:
    try:
        raw = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32 or base64.b64encode(raw).decode() != line:
        raise NoteError("a line of the proof is not a hash in base64")
    return raw
