"""Validation for resource servers: decrypt, verify, judge, and ask the deny-list; refuse with a reason."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from joserfc.util import urlsafe_b64decode

from tokentrail.tokens import claims as rules
from tokentrail.tokens.jose import COMPACT_JWE, COMPACT_JWS, decrypted, verified_payload
from tokentrail.tokens.keys import CONTENT_ENC, SIGNATURE_ALG, EncryptionKey
from tokentrail.tokens.mint import TYP
from tokentrail.tokens.refusal import (
    Claimed,
    ExpiredTokenError,
    MalformedTokenError,
    PolicyTokenError,
    RevokedTokenError,
    TokenRefusedError,
    UntrustedTokenError,
)
from tokentrail.tokens.trust import Keys

MAX_TOKEN_CHARS = 8192
SKEW = 5
"""Seconds by which another clock may differ."""

_JWE_HEADER = frozenset({"alg", "enc", "kid", "cty", "typ"})
_JWS_HEADER = frozenset({"alg", "kid", "typ"})


class Denied(Protocol):
    """What a validator asks about revocation. DenyListFeed is the live one."""

    def check(self) -> None:
        """Raise NotReadyError when the list is not complete, or older than the policy allows."""

    def denies(self, claims: Mapping[str, Any]) -> str | None:
        """The target that denies these claims, or None."""


@dataclass(frozen=True)
class Accepted:
    """A token that is good now."""

    claims: Mapping[str, Any]
    kid: str

    @property
    def scopes(self) -> frozenset[str]:
        """The scope claim as a set."""
        return frozenset(str(self.claims.get("scope", "")).split())


class Validator:
    """Accepts or refuses access tokens for one audience.

    `issuers` maps each trusted `iss` to its keys. A token seen before is served from a bounded cache of what
    was verified; its times and the deny-list are asked every time.
    """

    def __init__(
        self,
        audience: str,
        decryption: Iterable[EncryptionKey],
        issuers: Mapping[str, Keys],
        denied: Denied,
        *,
        max_lifetime: int = rules.MAX_LIFETIME,
        cache_size: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.audience = audience
        self.accepted = 0
        self.refused: dict[str, int] = {}
        self._decryption = {key.kid: key for key in decryption}
        self._issuers = dict(issuers)
        self._denied = denied
        self._max_lifetime = min(max_lifetime, rules.MAX_LIFETIME)
        self._clock = clock
        self._cache: OrderedDict[bytes, Accepted] = OrderedDict()
        self._cache_size = cache_size

    def validate(self, token: str) -> Accepted:
        """The token's claims. Raises a subclass of TokenRefusedError otherwise."""
        try:
            accepted = self._validate(token)
        except TokenRefusedError as refusal:
            self.refused[refusal.reason] = self.refused.get(refusal.reason, 0) + 1
            raise
        self.accepted += 1
        return accepted

    def _validate(self, token: str) -> Accepted:
        self._denied.check()
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        accepted = self._cache.get(digest)
        if accepted is None:
            accepted = self._verify(token)
            self._remember(digest, accepted)
        elif self._issuers[accepted.claims["iss"]].find(accepted.kid) is None:
            # The issuer withdrew the key: what it signed is no longer trusted.
            self._cache.pop(digest, None)
            raise UntrustedTokenError("unknown_key", "the issuer withdrew this key", _claimed(accepted))
        self._still_good(accepted)
        return accepted

    def _verify(self, token: str) -> Accepted:
        inner = self._decrypt(token)
        header, claims = _open_jws(inner)
        told = Claimed(claims, header["kid"])
        issuer = claims.get("iss")
        keys = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if keys is None:
            raise UntrustedTokenError("unknown_issuer", "this issuer is not trusted", told)
        key = keys.find(header["kid"])
        if key is None:
            raise UntrustedTokenError("unknown_key", "the issuer does not publish this key", told)
        if verified_payload(inner, key) is None:
            raise UntrustedTokenError("bad_signature", "the signature does not fit", told)
        accepted = Accepted(claims, header["kid"])
        self._judge(accepted)
        return accepted

    def _decrypt(self, token: str) -> bytes:
        if len(token) > MAX_TOKEN_CHARS or not COMPACT_JWE.match(token):
            raise MalformedTokenError("malformed", "not a compact JWE of reasonable size")
        header = _header(token.partition(".")[0], _JWE_HEADER)
        if str(header.get("cty", "")).upper() != "JWT":
            raise MalformedTokenError("header", "cty is not JWT (RFC 7519 section 5.2)")
        key = self._decryption.get(header["kid"])
        if key is None:
            raise UntrustedTokenError("undecryptable", "encrypted to a key that is not ours")
        if header.get("alg") != key.alg or header.get("enc") != CONTENT_ENC:
            raise MalformedTokenError("algorithm", "not the algorithms of our key")
        plain = decrypted(token, key)
        if plain is None:
            raise UntrustedTokenError("undecryptable", "does not decrypt")
        return plain

    def _judge(self, accepted: Accepted) -> None:
        """Rules that hold for the token's whole life (RFC 9068 section 4, RFC 8725)."""
        claims, told = accepted.claims, _claimed(accepted)
        if not isinstance(claims.get("exp"), int) or not isinstance(claims.get("iat"), int):
            raise PolicyTokenError("lifetime", "exp or iat is missing", told)
        wrong = rules.problems(claims)
        if wrong:
            raise PolicyTokenError("claims", wrong, told)
        if not 0 < claims["exp"] - claims["iat"] <= self._max_lifetime:
            raise PolicyTokenError("lifetime", f"lives longer than {self._max_lifetime} seconds", told)
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if self.audience not in audiences:
            raise PolicyTokenError("audience", "meant for another audience", told)

    def _still_good(self, accepted: Accepted) -> None:
        claims, now = accepted.claims, self._clock()
        if claims["exp"] + SKEW <= now:
            raise ExpiredTokenError("expired", "past its exp", _claimed(accepted))
        if max(claims["iat"], claims.get("nbf", 0)) > now + SKEW:
            raise ExpiredTokenError("not_yet_valid", "issued in the future", _claimed(accepted))
        target = self._denied.denies(claims)
        if target is not None:
            raise RevokedTokenError("revoked", f"its {target} was revoked", _claimed(accepted))

    def _remember(self, digest: bytes, accepted: Accepted) -> None:
        self._cache[digest] = accepted
        while len(self._cache) > self._cache_size:
            try:
                self._cache.popitem(last=False)
            except KeyError:  # another thread was quicker
                break


class NothingDenied:
    """For a service that revokes by other means: denies nothing, and is always ready."""

    def check(self) -> None:
        """Always ready."""

    def denies(self, claims: Mapping[str, Any]) -> str | None:  # noqa: ARG002
        """Never."""
        return None


def _claimed(accepted: Accepted) -> Claimed:
    return Claimed(accepted.claims, accepted.kid, verified=True)


def _open_jws(inner: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWS not verified yet; the header is checked before a key is looked for."""
    if not COMPACT_JWS.match(inner):
        raise MalformedTokenError("malformed", "the inner token is not a compact JWS")
    parts = inner.decode().split(".")
    header = _header(parts[0], _JWS_HEADER)
    if header.get("alg") != SIGNATURE_ALG:
        raise MalformedTokenError("algorithm", f"signed with something else than {SIGNATURE_ALG}")
    if str(header.get("typ", "")).lower().removeprefix("application/") != TYP:
        raise MalformedTokenError("header", f"typ is not {TYP} (RFC 9068 section 2.1)")
    return header, _json_object(parts[1], "claims")


def _header(segment: str, allowed: frozenset[str]) -> dict[str, Any]:
    """A protected header with no member beyond `allowed`:

    so jku, jwk, x5u, x5c, crit, zip and p2c are refused.
    """
    header = _json_object(segment, "header")
    if header.keys() - allowed:
        raise MalformedTokenError("header", "a header parameter that is not allowed (RFC 8725 section 3)")
    if not isinstance(header.get("kid"), str) or not header["kid"]:
        raise MalformedTokenError("header", "kid is missing")
    return header


def _json_object(segment: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(urlsafe_b64decode(segment.encode()), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        raise MalformedTokenError("malformed", f"the {what} is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedTokenError("malformed", f"the {what} is not a JSON object")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may disagree on a repeated name: refused (RFC 7515 section 4, RFC 7519 section 4)."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("repeated name")
    return made
