"""Sign C2SP notes (c2sp.org/signed-note, tlog-checkpoint) with Ed25519. Checking is the verifier's work."""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tokentrail.errors import ConfigError

# Signature types of c2sp.org/signed-note: a log's own signature, and a witness's timestamped cosignature.
ED25519 = 1
COSIGNATURE_V1 = 4
SEED_BYTES = 32


class NoteKey:
    """A named Ed25519 key that signs notes. Never printed: only its verifier key (`vkey`) is public."""

    def __init__(self, name: str, private: Ed25519PrivateKey, algorithm: int = ED25519) -> None:
        if not name or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
            raise ConfigError(f"{name!r} cannot name a key: it must not be empty nor hold a space or a plus sign")
        self.name = name
        self._private = private
        public = bytes([algorithm]) + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
        self.vkey = f"{name}+{self.key_id.hex()}+{base64.b64encode(public).decode()}"

    def __repr__(self) -> str:
        return f"NoteKey({self.vkey})"

    def signature_line(self, message: bytes, prefix: bytes = b"") -> str:
        """The line for a signature over `message`; `prefix` stands between key id and signature."""
        signature = self.key_id + prefix + self._private.sign(message)
        return f"\u2014 {self.name} {base64.b64encode(signature).decode()}\n"

    def sign(self, text: str) -> str:
        """The signed note of a text that ends in a newline."""
        return f"{text}\n{self.signature_line(text.encode())}"

    def cosign(self, text: str, timestamp: int) -> str:
        """The line of a cosignature/v1 (c2sp.org/tlog-cosignature) over a checkpoint's text; Unix seconds."""
        message = f"cosignature/v1\ntime {timestamp}\n{text}".encode()
        return self.signature_line(message, timestamp.to_bytes(8, "big"))


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """The text of a checkpoint (c2sp.org/tlog-checkpoint): origin, tree size, root hash; no extension lines."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def load_note_key(setting: str, name: str, variable: str, algorithm: int = ED25519) -> NoteKey:
    """The key of a setting: base64 of a 32-byte seed, PEM, or PEM in base64.

    Raises ConfigError naming the variable; the value is never part of the message.
    """
    return NoteKey(name, _private_key(setting, variable), algorithm)


def _private_key(setting: str, variable: str) -> Ed25519PrivateKey:
    wrong = f"{variable} must be a PEM Ed25519 private key or base64 of its 32-byte seed: `tokentrail keys new`"
    text = setting.strip().replace("\\n", "\n")
    if not text.startswith("-----BEGIN"):
        try:
            raw = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise ConfigError(wrong) from None
        if len(raw) == SEED_BYTES:
            return Ed25519PrivateKey.from_private_bytes(raw)
        text = raw.decode("ascii", errors="replace").strip()
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(wrong) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(wrong)
    return key
