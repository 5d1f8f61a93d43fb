"""What the issuer's own secret is for: hashing names, sealing TOTP secrets, deriving refresh tokens."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import unicodedata
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tokentrail.errors import ConfigError

VARIABLE = "TOKENTRAIL_ISSUER_SECRET"
NONCE_BYTES = 12


class IssuerSecret:
    """One secret from the environment, one derived key for each purpose (HKDF, RFC 5869)."""

    def __init__(self, setting: str) -> None:
        try:
            material = base64.b64decode(setting, validate=True)
        except (binascii.Error, ValueError):
            material = b""
        if len(material) < 32:
            raise ConfigError(f"{VARIABLE} is not 32 bytes in base64: make one with `tokentrail keys new`")
        self._login, self._typed, self._refresh, self._seal, self._form = (
            _derive(material, purpose)
            for purpose in (b"login name", b"typed name", b"refresh token", b"totp seal", b"login form")
        )

    def name_hash(self, name: str) -> bytes:
        """What a known person's login name is looked up by. Names are compared without case, in NFKC."""
        return hmac.digest(self._login, _folded(name), "sha256")

    def typed_name_hash(self, name: str) -> str:
        """What is recorded of a name that does not exist: people type passwords and record numbers there."""
        digest = hmac.digest(self._typed, _folded(name), "sha256")
        return "n_" + base64.urlsafe_b64encode(digest[:18]).decode()

    def successor(self, presented: str, nonce: bytes) -> str:
        """The refresh token that follows a presented one.

        Derived, so that a client that lost the answer gets the same token again although only hashes are
        stored.
        """
        digest = hmac.digest(self._refresh, nonce + presented.encode(), "sha256")
        return "r_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def form_tag(self, encoded: bytes) -> str:
        """A tag that shows a form field was made here."""
        return hmac.digest(self._form, encoded, "sha256").hex()

    def seal(self, secret: bytes, subject: str) -> bytes:
        """A TOTP secret encrypted for the database, bound to its subject."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self._seal).encrypt(nonce, secret, subject.encode())

    def unseal(self, sealed: bytes, subject: str) -> bytes:
        """The TOTP secret. Raises ConfigError when this is not the secret it was sealed with."""
        try:
            return AESGCM(self._seal).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], subject.encode())
        except InvalidTag:
            raise ConfigError(f"{VARIABLE} is not the one the TOTP secrets were sealed with") from None


def token_hash(token: str) -> bytes:
    """What is stored of a token with 128 bits or more: a plain SHA-256, nothing to guess."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _derive(material: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"tokentrail issuer " + purpose).derive(material)


def _folded(name: str) -> bytes:
    return unicodedata.normalize("NFKC", name).casefold().encode("utf-8", "surrogatepass")
