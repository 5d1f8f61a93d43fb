"""Check C2SP signed notes that are checkpoints: strictly, with keys that the caller trusts, sharing no code.

c2sp.org/signed-note, c2sp.org/tlog-checkpoint and, for witnesses, cosignature/v1 of c2sp.org/tlog-cosignature.
Stricter than the specifications where they leave room: no extension lines, and no key may sign twice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = 1
COSIGNATURE_V1 = 4
MAX_NOTE_BYTES = 1 << 20
MAX_SIGNATURES = 64
MAX_SIZE = (1 << 63) - 1
EMPTY_ROOT = hashlib.sha256(b"").digest()
DASH = "\u2014"


class NoteError(ValueError):
    """A note is not what it should be; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class VKey:
    """A verifier key: `<name>+<key id in hex>+<base64 of type and public key>`."""

    name: str
    key_id: bytes
    algorithm: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> VKey:
        """Raises NoteError when the text is no Ed25519 verifier key or its id is not that of its key."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise NoteError("a verifier key has the form name+id+key")
        name, id_, encoded = parts
        _check_name(name)
        if not re.fullmatch(r"[0-9a-f]{8}", id_):
            raise NoteError("a verifier key's id is eight hexadecimal digits in lower case")
        raw = _base64(encoded, "the verifier key")
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE_V1):
            raise NoteError("the verifier key is not an Ed25519 key for notes (type 1) or cosignatures (type 4)")
        if hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != id_:
            raise NoteError(f"the verifier key of {name} has an id that is not that of its key")
        return cls(name, bytes.fromhex(id_), raw[0], raw[1:])

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` (what follows the key id) is this key's over the note's text."""
        if self.algorithm == COSIGNATURE_V1:
            if len(signature) != 72:
                return False
            time = int.from_bytes(signature[:8], "big")
            if not 0 < time <= MAX_SIZE:
                return False
            text = b"cosignature/v1\ntime %d\n" % time + text
            signature = signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True

    def __str__(self) -> str:
        key = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line: who, by which key, the bytes after the key id, and the line itself with its newline."""

    name: str
    key_id: bytes
    signature: bytes
    line: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that was checked: `root` is 32 bytes; `witnesses` maps names to Unix seconds of cosigning."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[Signature, ...]
    witnesses: dict[str, int] = field(default_factory=dict)


def open_checkpoint(
    note: bytes | str,
    log: VKey,
    *,
    origin: str | None = None,
    witnesses: Sequence[VKey] = (),
    quorum: int = 0,
) -> Checkpoint:
    """The checkpoint in a note that `log` signed, at least `quorum` of `witnesses` cosigned, and nobody bent.

    `origin` is what its first line must be, by default the log key's name. Signatures by unknown keys are
    passed over, as the specification demands. Raises NoteError saying what is wrong.
    """
    found = parse_checkpoint(note)
    wanted = log.name if origin is None else origin
    if found.origin != wanted:
        raise NoteError(f"the origin is {found.origin!r}, not {wanted!r}")
    _check_log(found, log)
    seen = {}
    for witness in witnesses:
        if witness.algorithm != COSIGNATURE_V1:
            raise NoteError(f"the key of witness {witness.name} is not for cosignatures (type 4)")
        for line in found.signatures:
            if (line.name, line.key_id) == (witness.name, witness.key_id):
                if not witness.verifies(found.text.encode(), line.signature):
                    raise NoteError(f"the cosignature of {witness.name} does not verify")
                seen[witness.name] = int.from_bytes(line.signature[:8], "big")
    if len(seen) < quorum:
        raise NoteError(f"{len(seen)} witnesses cosigned, {quorum} are needed")
    return Checkpoint(found.origin, found.size, found.root, found.text, found.signatures, seen)


def _check_log(found: Checkpoint, log: VKey) -> None:
    named = [line for line in found.signatures if line.name == log.name]
    if not named:
        raise NoteError(f"no signature by {log.name}")
    ours = [line for line in named if line.key_id == log.key_id]
    if not ours:
        ids = ", ".join(line.key_id.hex() for line in named)
        raise NoteError(f"{log.name} signed with another key: key id {ids}, not {log.key_id.hex()}")
    if not log.verifies(found.text.encode(), ours[0].signature):
        raise NoteError(f"the signature of {log.name} does not verify")


def parse_checkpoint(note: bytes | str) -> Checkpoint:
    """The form alone: no signature is checked. Raises NoteError."""
    text, signatures = _parse_note(note)
    lines = text[:-1].split("\n")
    if len(lines) < 3 or "" in lines:
        raise NoteError("a checkpoint has three lines: origin, tree size, root hash")
    if len(lines) > 3:
        raise NoteError(f"{len(lines) - 3} extra lines after the root hash")
    root = _base64(lines[2], "the root hash")
    if len(root) != 32:
        raise NoteError(f"the root hash has {len(root)} bytes, not 32")
    size = tree_size(lines[1])
    if size == 0 and root != EMPTY_ROOT:
        raise NoteError("an empty tree with a root hash that is not that of nothing")
    return Checkpoint(lines[0], size, root, text, tuple(signatures))


def tree_size(text: str) -> int:
    """A tree size in ASCII decimal without leading zeros. Raises NoteError."""
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise NoteError(f"the tree size {text[:40]!r} is not a decimal number")
    if len(text) > 1 and text[0] == "0":
        raise NoteError("the tree size has leading zeros")
    if int(text) > MAX_SIZE:
        raise NoteError("the tree size is over 2^63-1")
    return int(text)


def _parse_note(note: bytes | str) -> tuple[str, list[Signature]]:
    raw = note.encode() if isinstance(note, str) else note
    if len(raw) > MAX_NOTE_BYTES:
        raise NoteError(f"the note is over {MAX_NOTE_BYTES} bytes")
    try:
        whole = raw.decode()
    except UnicodeDecodeError:
        raise NoteError("the note is not UTF-8") from None
    if "\r" in whole:
        raise NoteError("the note has carriage returns (CRLF line ends)")
    if any(c < " " and c != "\n" for c in whole):
        raise NoteError("the note has control characters")
    body, found, signed = whole.rpartition("\n\n")
    if not found or not signed:
        raise NoteError("the note has no signatures")
    if not signed.endswith("\n"):
        raise NoteError("the note does not end in a newline")
    lines = signed[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError(f"the note has over {MAX_SIGNATURES} signatures")
    signatures = [parse_signature(line) for line in lines]
    seen: set[tuple[str, bytes]] = set()
    for line in signatures:
        if (line.name, line.key_id) in seen:
            raise NoteError(f"{line.name} signed twice with one key")
        seen.add((line.name, line.key_id))
    return body + "\n", signatures


def parse_signature(line: str) -> Signature:
    """One signature line without its newline. Raises NoteError."""
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != DASH:
        raise NoteError(f"not a signature line: {line[:60]!r}")
    _check_name(parts[1])
    raw = _base64(parts[2], f"the signature of {parts[1]}")
    if len(raw) < 5:
        raise NoteError(f"the signature of {parts[1]} is too short")
    return Signature(parts[1], raw[:4], raw[4:], line + "\n")


def _check_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() for c in name):
        raise NoteError(f"{name[:60]!r} cannot be a key's name")


def _base64(text: str, what: str) -> bytes:
    """Standard base64 in its one canonical form."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError(f"{what} is not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise NoteError(f"{what} is not base64 in canonical form")
    return raw
