"""Bodies sealed with AES-256-GCM under a data key per subject; forgetting a subject is losing its key.

Data keys are wrapped (AES Key Wrap with padding, RFC 5649) by the key of TOKENTRAIL_DATA_KEY and stored
in ledger.data_key. Addresses and devices stay searchable by HMAC-SHA-256 under a key derived from it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

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
    search: bytes

    @classmethod
    def of(cls, raw: bytes) -> MasterKey:
        """Derive the parts from 32 bytes or more of key material (RFC 5869)."""
        return cls(hashlib.sha256(_derive(raw, "id")).hexdigest()[:16], _derive(raw, "wrap"), _derive(raw, "search"))

    def keyed_hash(self, kind: str, text: str) -> bytes:
        """HMAC-SHA-256 of a field for search, cut to 16 bytes."""
        return hmac.digest(self.search, f"{kind}\0{text}".encode(), "sha256")[:16]


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


class SealedBody:
    """How a body lies in the database: nonce 12 bytes, then AES-256-GCM over salt || body, tag last."""

    @staticmethod
    def seal(key: AESGCM, nonce: bytes, salted: bytes, commitment: bytes) -> bytes:
        """`salted` is salt || body; the commitment is bound as associated data."""
        return nonce + key.encrypt(nonce, salted, commitment)

    @staticmethod
    def open(key: AESGCM, sealed: bytes, commitment: bytes) -> tuple[bytes, bytes]:
        """(salt, body). Raises cryptography.exceptions.InvalidTag if any byte was changed."""
        salted = key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], commitment)
        return salted[:SALT_BYTES], salted[SALT_BYTES:]


class KeyRing:
    """Data keys by subject, made on first use. Bounded; owned by one thread."""

    def __init__(self, conn: Connection, log_id: int, masters: list[MasterKey]) -> None:
        self._conn = conn
        self._log_id = log_id
        self._masters = masters
        self._by_subject: OrderedDict[str, tuple[int, AESGCM]] = OrderedDict()

    def forget_all(self) -> None:
        """Drop what is cached: a subject may have been forgotten since."""
        self._by_subject.clear()

    def sealing_keys(self, subjects: Iterable[str]) -> dict[str, tuple[int, AESGCM]]:
        """For each subject the id of its data key and the key; new ones are stored at once.

        Runs on a connection of its own, so that a batch can be sealed before the log's head is locked.
        """
        found: dict[str, tuple[int, AESGCM]] = {}
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

    def _load_or_make(self, subjects: list[str]) -> dict[str, tuple[int, AESGCM]]:
        master = self._masters[0]
        raw = os.urandom(KEY_BYTES * len(subjects))
        wrapped = [
            aes_key_wrap_with_padding(master.wrapping, raw[i * KEY_BYTES : (i + 1) * KEY_BYTES])
            for i in range(len(subjects))
        ]
        with self._conn.transaction():
            self._conn.execute(
                """insert into ledger.data_key (log_id, subject, wrapping_key, wrapped)
                select %s, n.subject, %s, n.wrapped from unnest(%s::text[], %s::bytea[]) n(subject, wrapped)
                where not exists (select from ledger.data_key k where k.log_id = %s and k.subject = n.subject
                                  and k.wrapping_key = %s)
                on conflict do nothing""",
                (self._log_id, master.id, subjects, wrapped, self._log_id, master.id),
            )
            rows = self._conn.execute(
                """select subject, key_id, wrapped from ledger.data_key
                where log_id = %s and wrapping_key = %s and subject = any(%s)""",
                (self._log_id, master.id, subjects),
            ).fetchall()
        made = {
            subject: (key_id, AESGCM(aes_key_unwrap_with_padding(master.wrapping, wrapped_key)))
            for subject, key_id, wrapped_key in rows
        }
        self._by_subject.update(made)
        while len(self._by_subject) > MAX_CACHED_KEYS:
            self._by_subject.popitem(last=False)
        return made

    def opening_keys(self, key_ids: Iterable[int]) -> dict[int, AESGCM]:
        """Keys by id, of those that still exist and whose wrapping key is in the environment."""
        masters = {master.id: master for master in self._masters}
        rows = self._conn.execute(
            "select key_id, wrapping_key, wrapped from ledger.data_key where key_id = any(%s)", (list(set(key_ids)),)
        ).fetchall()
        keys = {}
        for key_id, wrapping_key, wrapped in rows:
            master = masters.get(wrapping_key)
            if master is not None:
                try:
                    keys[key_id] = AESGCM(aes_key_unwrap_with_padding(master.wrapping, wrapped))
                except InvalidUnwrap:
                    continue
        return keys
