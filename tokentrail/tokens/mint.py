"""Minting: a JWS (RS256, RFC 9068) inside a JWE (RSA-OAEP + A256CBC-HS512) to the audience's key."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokentrail.errors import Refused
from tokentrail.tokens import claims as rules
from tokentrail.tokens import jose
from tokentrail.tokens.keys import EncryptionKey, SigningKey

TYP = "at+jwt"
JTI_BYTES = 16
"""128 random bits, written in hexadecimal: nothing that reads like a name or a number can come out."""


class NotMintedError(Refused):
    """A token was asked for that must not exist; the message names the rule, not the value."""


@dataclass(frozen=True)
class Minted:
    """A token and what its issuer must remember about it. Times are Unix seconds."""

    token: str
    jti: str
    kid: str
    issued_at: int
    expires_at: int


class Minter:
    """Signs with one key for one issuer. Keys are parsed objects: a PEM for each token would take 28 ms."""

    def __init__(self, issuer: str, key: SigningKey) -> None:
        self.issuer = issuer
        self.key = key

    def mint(
        self,
        audience: str,
        to: EncryptionKey,
        *,
        subject: str,
        client_id: str,
        lifetime: int,
        more: Mapping[str, Any] | None = None,
    ) -> Minted:
        """A nested token for `audience`, living `lifetime` seconds (1 to 900).

        `more` adds optional claims (scope, sid, auth_time, acr, amr, cnf, txn). Raises NotMintedError when a
        claim is outside the allow-list, the subject is not opaque, or the lifetime is too long.
        """
        if not 0 < lifetime <= rules.MAX_LIFETIME:
            raise NotMintedError(f"a token lives 1 to {rules.MAX_LIFETIME} seconds, not {lifetime}")
        now = int(time.time())
        jti = secrets.token_hex(JTI_BYTES)
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": subject,
            "aud": audience,
            "exp": now + lifetime,
            "iat": now,
            "jti": jti,
            "client_id": client_id,
            **{name: value for name, value in (more or {}).items() if value is not None},
        }
        wrong = rules.problems(claims) or (None if rules.is_identifier(audience) else "aud is not an identifier")
        if wrong:
            raise NotMintedError(f"token not issued: {wrong}")
        token = self.sign_and_encrypt(claims, to)
        return Minted(token, jti, self.key.kid, now, now + lifetime)

    def sign_and_encrypt(self, claims: Mapping[str, Any], to: EncryptionKey) -> str:
        """The nested token over these exact claims (RFC 7519 section 5.2: sign, then encrypt, cty JWT)."""
        payload = json.dumps(claims, separators=(",", ":")).encode()
        return jose.encrypt(jose.sign(payload, self.key, TYP), to)
