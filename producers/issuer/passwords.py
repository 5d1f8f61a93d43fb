"""Passwords by Argon2id (RFC 9106) and one-time codes by TOTP (RFC 6238)."""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
import time

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from producers.issuer.settings import IssuerSettings

MAX_PASSWORD_CHARS = 256
TOTP_STEP_SECONDS = 30
TOTP_DIGITS = 6
TOTP_WINDOW = 1
"""Steps before and after now that are accepted: RFC 6238 section 5.2 recommends at most one."""


class Passwords:
    """Hashes and verifies; takes as long for a name that does not exist as for one that does."""

    def __init__(self, settings: IssuerSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
            type=Type.ID,
        )
        self._dummy = self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        """The encoded hash, parameters inside."""
        return self._hasher.hash(password)

    def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password fits; None (nobody of that name) costs the same and never fits."""
        try:
            fits = self._hasher.verify(encoded or self._dummy, password[: MAX_PASSWORD_CHARS + 1])
        except (VerificationError, InvalidHashError):
            return False
        return fits and encoded is not None and len(password) <= MAX_PASSWORD_CHARS


def totp_code(secret: bytes, step: int) -> str:
    """The code of a time step (RFC 4226 section 5.3 with HMAC-SHA-1, as every authenticator app does)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    at = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
    return str(number % 10**TOTP_DIGITS).zfill(TOTP_DIGITS)


def totp_step(secret: bytes, code: str, last_step: int, now: float | None = None) -> int | None:
    """The step a code is good for, None if it is wrong or its step was used (RFC 6238 section 5.2:

    one use).
    """
    current = int((time.time() if now is None else now) // TOTP_STEP_SECONDS)
    good = None
    for step in range(current - TOTP_WINDOW, current + TOTP_WINDOW + 1):
        if hmac.compare_digest(totp_code(secret, step).encode(), code.encode("utf-8", "replace")) and step > last_step:
            good = step
    return good


def new_totp_secret() -> tuple[bytes, str]:
    """160 random bits, and their base32 form for an authenticator app."""
    secret = secrets.token_bytes(20)
    return secret, base64.b32encode(secret).decode()
