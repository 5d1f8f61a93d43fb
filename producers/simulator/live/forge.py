"""Forged tokens: what an attacker with a key of their own, or with the issuer's stolen key, can make."""

import time
from typing import Any

from producers.simulator.actions import Forgery
from tokentrail.tokens.claims import new_id
from tokentrail.tokens.keys import EncryptionKey, SigningKey
from tokentrail.tokens.mint import Minter

DAY_SECONDS = 86400
LOOKALIKE = "https://id.examp1e"


class Forger:
    """Makes tokens nobody issued, addressed to a real audience (whose encryption key is public)."""

    def __init__(self, issuer: str, audience: str, to: EncryptionKey, own: SigningKey) -> None:
        self._issuer, self._audience, self._to = issuer, audience, to
        self._own = own
        self.stolen: SigningKey | None = None

    def make(self, forgery: Forgery, subject: str, client_id: str) -> str | None:
        """A token; None where the forgery needs the issuer's key and nobody stole it."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": LOOKALIKE if forgery is Forgery.UNKNOWN_ISSUER else self._issuer,
            "sub": subject,
            "aud": self._audience,
            "exp": now + 300,
            "iat": now,
            "jti": new_id(),
            "client_id": client_id,
            "scope": "records:export",
        }
        if forgery in (Forgery.UNKNOWN_KEY, Forgery.UNKNOWN_ISSUER):
            return Minter(self._issuer, self._own).sign_and_encrypt(claims, self._to)
        if self.stolen is None:
            return None
        claims["exp"] = now + DAY_SECONDS
        if forgery is Forgery.NO_EXPIRY:
            del claims["exp"]
        return Minter(self._issuer, self.stolen).sign_and_encrypt(claims, self._to)
