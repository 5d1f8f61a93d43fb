"""Ask witnesses to cosign (c2sp.org/tlog-witness): each checks for itself that the log only grew."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import structlog
from prometheus_client import Counter

from consumers.checkpointer.memory import Memory, SignedHead
from tokentrail.errors import ConfigError, Refused
from tokentrail.ledger.tlog_proof import base64_lines
from tokentrail.verifier.notes import COSIGNATURE_V1, NoteError, VKey, parse_checkpoint, parse_signature, tree_size

MAX_ANSWER_BYTES = 64 * 1024
MAX_PAUSE_SECONDS = 60.0
# A cosignature from the future beyond this is a witness whose clock is wrong.
CLOCK_SLACK_SECONDS = 300

ASKED = Counter("tokentrail_cosignature_requests", "Requests to witnesses, by outcome", ["witness", "outcome"])

log = structlog.get_logger()
Proof = Callable[[int, int], list[bytes]]


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness: its key and the prefix that add-checkpoint is under."""

    key: VKey
    url: str


class Declined(Exception):
    """The witness did not cosign; `outcome` is one word for metrics."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


def parse_witnesses(setting: str) -> list[Witness]:
    """Witnesses as `name+id+key+URL`, separated by spaces. Raises ConfigError naming the variable."""
    found = []
    for part in setting.split():
        parts = re.fullmatch(r"(.+?)\+(https?://[^\s]+)", part)
        if parts is None:
            raise ConfigError("TOKENTRAIL_WITNESSES holds name+id+key+URL, separated by spaces")
        try:
            key = VKey.parse(parts[1])
        except NoteError as error:
            raise ConfigError(f"TOKENTRAIL_WITNESSES: {error}") from None
        if key.algorithm != COSIGNATURE_V1:
            raise ConfigError(f"TOKENTRAIL_WITNESSES: the key of {key.name} is not for cosignatures (type 4)")
        found.append(Witness(key, parts[2].rstrip("/")))
    if len({(witness.key.name, witness.key.key_id) for witness in found}) != len(found):
        raise ConfigError("TOKENTRAIL_WITNESSES names a witness twice")
    return found


class Witnesses:
    """Asks all at once. One that does not answer is left alone for a while, longer each time."""

    def __init__(self, witnesses: Sequence[Witness], memory: Memory, origin: str, timeout: float) -> None:
        self._witnesses = witnesses
        self._memory = memory
        self._origin = origin
        self._client = httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False)
        self._pool = ThreadPoolExecutor(max(1, len(witnesses)), thread_name_prefix="witness")
        self._pauses: dict[Witness, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._witnesses)

    def close(self) -> None:
        """Close connections and threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def cosign(self, head: SignedHead, proof: Proof, have: dict[Witness, str]) -> dict[Witness, str]:
        """Signature lines for `head` by witness, those in `have` included. Never raises for a witness's sake."""
        now = time.monotonic()
        due = [w for w in self._witnesses if w not in have and self._pauses.get(w, (0.0, 0.0))[0] <= now]
        sizes = {w: self._memory.witnessed(self._origin, str(w.key)) for w in due}
        waiting = {w: self._pool.submit(self._ask, w, head, sizes[w], proof) for w in due}
        lines = dict(have)
        for witness, future in waiting.items():
            name = witness.key.name
            try:
                lines[witness] = future.result()
            except Declined as error:
                ASKED.labels(name, error.outcome).inc()
                self._pause(witness)
                say = log.error if error.outcome in ("ahead", "inconsistent") else log.warning
                say("a witness did not cosign", witness=name, size=head.size, reason=str(error))
                continue
            ASKED.labels(name, "cosigned").inc()
            self._pauses.pop(witness, None)
            self._memory.note_witnessed(self._origin, str(witness.key), head.size)
        return {w: lines[w] for w in self._witnesses if w in lines}

    def _pause(self, witness: Witness) -> None:
        seconds = min(MAX_PAUSE_SECONDS, self._pauses.get(witness, (0.0, 0.5))[1] * 2)
        self._pauses[witness] = (time.monotonic() + seconds, seconds)

    def _ask(self, witness: Witness, head: SignedHead, size: int, proof: Proof) -> str:
        """Ask once with the size that we think it has, once more with the size that it says it has."""
        answer = self._post(witness, head, min(size, head.size), proof)
        if answer.status_code == 409:
            said = _conflict_size(answer)
            if said > head.size:
                raise Declined("ahead", f"it has cosigned size {said} already: a later state of this log exists")
            answer = self._post(witness, head, said, proof)
        if answer.status_code == 422:
            raise Declined("inconsistent", "it has cosigned a tree of this log that ours does not extend")
        if answer.status_code != 200:
            raise Declined("refused", f"it answered {answer.status_code}")
        return _cosignature(witness.key, head, answer.text)

    def _post(self, witness: Witness, head: SignedHead, old: int, proof: Proof) -> httpx.Response:
        try:
            hashes = proof(old, head.size)
        except Refused as error:
            raise Declined("no_proof", str(error)) from None
        lines = [f"old {old}", *base64_lines(hashes)]
        body = "\n".join(lines) + "\n\n" + head.note
        try:
            with self._client.stream("POST", f"{witness.url}/add-checkpoint", content=body.encode()) as answer:
                content = b""
                for chunk in answer.iter_bytes():
                    content += chunk
                    if len(content) > MAX_ANSWER_BYTES:
                        raise Declined("malformed", "its answer is too long")
        except httpx.HTTPError as error:
            raise Declined("unreachable", type(error).__name__) from None
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


def _conflict_size(answer: httpx.Response) -> int:
    """The size in a 409: `text/x.tlog.size`, decimal and a newline."""
    if answer.headers.get("content-type", "").partition(";")[0].strip() != "text/x.tlog.size":
        raise Declined("malformed", "it answered 409 without its size")
    try:
        return tree_size(answer.text.removesuffix("\n"))
    except NoteError as error:
        raise Declined("malformed", str(error)) from None


def _cosignature(key: VKey, head: SignedHead, answer: str) -> str:
    """The line by the witness's key, checked; lines by keys that we do not know are passed over."""
    text = parse_checkpoint(head.note).text.encode()
    try:
        found = [parse_signature(line) for line in answer.removesuffix("\n").split("\n")]
    except NoteError as error:
        raise Declined("malformed", str(error)) from None
    for line in found:
        if (line.name, line.key_id) == (key.name, key.key_id):
            if not key.verifies(text, line.signature):
                raise Declined("malformed", "its cosignature does not verify")
            if int.from_bytes(line.signature[:8], "big") > time.time() + CLOCK_SLACK_SECONDS:
                raise Declined("malformed", "its cosignature is from the future")
            return line.line
    raise Declined("malformed", "its answer holds no cosignature by its key")
