"""Bodies sealed with AES-256-GCM under a data key per subject; forgetting a subject is losing its key.

Data keys are wrapped (AES Key Wrap with padding, RFC 5649) by the key of TOKENTRAIL_DATA_KEY and stored
in ledger.data_key. A subject keeps its data key when the wrapping key changes: only the wrap is made anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding, aes_key_wrap_with_padding
from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.errors import ConfigError

SALT_BYTES = 32
NONCE_BYTES = 12
KEY_BYTES = 32
MAX_CACHED_KEYS = 100_000


def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"tokentrail " + purpose.encode()).derive(key)


@dataclass(frozen=True, slots=True, repr=False)
class MasterKey:
    """The wrapping key: `id` may be stored, the rest never leaves the process."""

    id: str
    wrapping: bytes

    @classmethod
    def of(cls, raw: bytes) -> MasterKey:
        """Derive the parts from 32 bytes or more of key material (RFC 5869)."""
        return cls(hashlib.sha256(_derive(raw, "id")).hexdigest()[:16], _derive(raw, "wrap"))

    def wrap(self, key: bytes) -> bytes:
        """RFC 5649."""
        return aes_key_wrap_with_padding(self.wrapping, key)


def unwrap(masters: list[MasterKey], wrapping_key: str, wrapped: bytes) -> bytes | None:
    """The key in a wrap; None if its wrapping key is not among ours, or the wrap was changed."""
    for master in masters:
        if master.id == wrapping_key:
            try:
                return aes_key_unwrap_with_padding(master.wrapping, wrapped)
            except InvalidUnwrap:
                return None
    return None


def master_keys(settings: Settings) -> list[MasterKey]:
    """The keys of TOKENTRAIL_DATA_KEY: base64, newest first, separated by spaces or commas (rotation).

    Raises ConfigError naming the variable; the value is never part of the message.
    """
    text = settings.require("data_key")
    keys = []
    for part in text.replace(",", " ").split():
        try:
            raw = base64.b64decode(part, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) < KEY_BYTES:
            raise ConfigError("TOKENTRAIL_DATA_KEY must be base64 of 32 bytes: `tokentrail keys new` makes one")
        keys.append(MasterKey.of(raw))
    return keys


class Cipher(Protocol):
    """AES-256-GCM under one key: cryptography's AESGCM, or the native part's."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """Ciphertext, then the tag of 16 bytes."""


class SealedBody:
    """How a body lies in the database: nonce 12 bytes, then AES-256-GCM over salt || body, tag last."""

    @staticmethod
    def seal(key: Cipher, nonce: bytes, salted: bytes, commitment: bytes) -> bytes:
        """`salted` is salt || body; the commitment is bound as associated data."""
        return nonce + key.encrypt(nonce, salted, commitment)

    @staticmethod
    def open(key: AESGCM, sealed: bytes, commitment: bytes) -> tuple[bytes, bytes]:
        """(salt, body). Raises cryptography.exceptions.InvalidTag if any byte was changed."""
        salted = key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], commitment)
        return salted[:SALT_BYTES], salted[SALT_BYTES:]


class KeyRing:
    """Data keys by subject, made on first use. Bounded; owned by one thread."""

    def __init__(
        self, conn: Connection, log_id: int, masters: list[MasterKey], cipher: Callable[[bytes], Cipher] = AESGCM
    ) -> None:
        self._conn = conn
        self.log_id = self._log_id = log_id
        self._cipher = cipher
        self._masters = masters
        self._by_subject: OrderedDict[str, tuple[int, Cipher]] = OrderedDict()

    def forget_all(self) -> None:
        """Drop what is cached: a subject may have been forgotten since."""
        self._by_subject.clear()

    def sealing_keys(self, subjects: Iterable[str]) -> dict[str, tuple[int, Cipher]]:
        """For each subject the id of its data key and the key; new ones are stored at once.

        Runs on a connection of its own, so that a batch can be sealed before the log's head is locked.
        """
        found: dict[str, tuple[int, Cipher]] = {}
        missing: list[str] = []
        for subject in set(subjects):
            known = self._by_subject.get(subject)
            if known is None:
                missing.append(subject)
            else:
                found[subject] = known
        if missing:
            found |= self._load_or_make(missing)
        return found

    def _load_or_make(self, subjects: list[str]) -> dict[str, tuple[int, Cipher]]:
        """Keys that we can unwrap, the newest of each subject; new ones where there is none.

        Two writers may both make one: each key stays good for what was sealed under it.
        """
        found = self._load(subjects)
        missing = [subject for subject in subjects if subject not in found]
        if missing:
            master = self._masters[0]
            with self._conn.transaction():
                self._conn.execute(
                    """insert into ledger.data_key (log_id, subject, wrapping_key, wrapped)
                    select %s, n.subject, %s, n.wrapped from unnest(%s::text[], %s::bytea[]) n(subject, wrapped)""",
                    (self._log_id, master.id, missing, [master.wrap(os.urandom(KEY_BYTES)) for _ in missing]),
                )
            found |= self._load(missing)
        self._by_subject.update(found)
        while len(self._by_subject) > MAX_CACHED_KEYS:
            self._by_subject.popitem(last=False)
        return found

    def _load(self, subjects: list[str]) -> dict[str, tuple[int, Cipher]]:
        rows = self._conn.execute(
            """select subject, key_id, wrapping_key, wrapped from ledger.data_key
            where log_id = %s and subject = any(%s) order by key_id""",
            (self._log_id, subjects),
        ).fetchall()
        found: dict[str, tuple[int, Cipher]] = {}
        for subject, key_id, wrapping_key, wrapped in rows:
            key = unwrap(self._masters, wrapping_key, wrapped)
            if key is not None:
                found[subject] = (key_id, self._cipher(key))
        return found

    def opening_keys(self, key_ids: Iterable[int]) -> dict[int, AESGCM]:
        """Keys by id, of those that still exist and whose wrapping key is in the environment."""
        rows = self._conn.execute(
            "select key_id, wrapping_key, wrapped from ledger.data_key where key_id = any(%s)", (list(set(key_ids)),)
        ).fetchall()
        opened = ((key_id, unwrap(self._masters, wrapping_key, wrapped)) for key_id, wrapping_key, wrapped in rows)
        return {key_id: AESGCM(key) for key_id, key in opened if key is not None}
