"""Signed statements by somebody else: DPoP proofs (RFC 9449) and client assertions (RFC 7523)."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tokentrail.errors import ConfigError, Refused
from tokentrail.tokens.keys import SIGNATURE_ALG, SigningKey, check_rsa

DPOP_TYP = "dpop+jwt"
DPOP_ALGS = ("ES256", "Ed25519", "RS256")
PROOF_AGE_SECONDS = 60
SKEW_SECONDS = 5
ASSERTION_SECONDS = 300
MAX_CHARS = 8192
MAX_JTI_CHARS = 256

_DPOP_REGISTRY = JWSRegistry(algorithms=list(DPOP_ALGS))
_ASSERTION_REGISTRY = JWSRegistry(algorithms=[SIGNATURE_ALG])
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})


class BadProofError(Refused):
    """A DPoP proof or client assertion that does not prove anything."""


@dataclass(frozen=True)
class Proof:
    """A proof of possession: the key's thumbprint (RFC 7638), and the id that may be used once."""

    jkt: str
    jti: str


def verify_dpop(proof: str, *, method: str, url: str, token: str | None = None, now: float | None = None) -> Proof:
    """Check a DPoP proof for one request (RFC 9449 section 4.3), and for one token where it comes with one.

    That its jti was not used before is for the caller to check. Raises BadProofError.
    """
    header, claims, key = _open_dpop(proof)
    if header.get("typ") != DPOP_TYP:
        raise BadProofError("typ is not dpop+jwt")
    if claims.get("htm") != method or not _same_url(claims.get("htu"), url):
        raise BadProofError("made for another request")
    moment = time.time() if now is None else now
    issued = claims.get("iat")
    if not isinstance(issued, int) or not moment - PROOF_AGE_SECONDS <= issued <= moment + SKEW_SECONDS:
        raise BadProofError("too old, or from the future")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 8 <= len(jti) <= MAX_JTI_CHARS:
        raise BadProofError("has no usable jti")
    if token is not None and not _is_hash_of(claims.get("ath"), token):
        raise BadProofError("made for another token")
    return Proof(key.thumbprint(), jti)


def claimed_client(assertion: str) -> str:
    """The client an assertion says it is by, before its signature is looked at. Raises BadProofError."""
    try:
        claims = json.loads(jws.extract_compact(assertion.encode()).payload)
    except (JoseError, ValueError, RecursionError):
        raise BadProofError("cannot be read") from None
    subject = claims.get("sub") if isinstance(claims, dict) else None
    if not isinstance(subject, str):
        raise BadProofError("names no client")
    return subject


def verify_assertion(
    assertion: str,
    *,
    client_id: str,
    audiences: tuple[str, ...],
    keys: Mapping[str, SigningKey],
    now: float | None = None,
) -> str:
    """Check a client assertion (RFC 7523 section 3); returns the jti, which may be used once.

    Raises BadProofError.
    """
    if len(assertion) > MAX_CHARS:
        raise BadProofError("too long")
    try:
        opened = jws.extract_compact(assertion.encode())
        key = keys.get(str(opened.protected.get("kid")))
        if key is None and len(keys) == 1 and "kid" not in opened.protected:
            key = next(iter(keys.values()))
        if key is None or opened.protected.keys() - {"alg", "kid", "typ"}:
            raise BadProofError("not signed by a key of this client")
        if not jws.validate_compact(opened, key.key, registry=_ASSERTION_REGISTRY):
            raise BadProofError("the signature does not fit")
        claims = json.loads(opened.payload)
    except (JoseError, ValueError, RecursionError):
        raise BadProofError("cannot be read") from None
    return _assertion_jti(claims, client_id, audiences, time.time() if now is None else now)


def _assertion_jti(claims: Any, client_id: str, audiences: tuple[str, ...], now: float) -> str:
    if not isinstance(claims, dict) or claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise BadProofError("iss and sub are not the client")
    named = claims.get("aud")
    if named not in audiences and not (isinstance(named, list) and len(named) == 1 and named[0] in audiences):
        raise BadProofError("meant for somebody else")
    expires, jti = claims.get("exp"), claims.get("jti")
    if not isinstance(expires, int) or not now - SKEW_SECONDS < expires <= now + ASSERTION_SECONDS + SKEW_SECONDS:
        raise BadProofError("expired, or good for too long")
    if not isinstance(jti, str) or not 8 <= len(jti) <= MAX_JTI_CHARS:
        raise BadProofError("has no usable jti")
    return jti


def _open_dpop(proof: str) -> tuple[dict[str, Any], dict[str, Any], RSAKey | ECKey | OKPKey]:
    if len(proof) > MAX_CHARS:
        raise BadProofError("too long")
    try:
        opened = jws.extract_compact(proof.encode())
        header = opened.protected
        if header.keys() - {"alg", "typ", "jwk"}:
            raise BadProofError("a header parameter that is not allowed")
        key = _public_key(header.get("jwk"), header.get("alg"))
        if not jws.validate_compact(opened, key, registry=_DPOP_REGISTRY):
            raise BadProofError("the signature does not fit")
        claims = json.loads(opened.payload)
    except (JoseError, ConfigError, ValueError, TypeError, KeyError, RecursionError):
        raise BadProofError("cannot be read") from None
    if not isinstance(claims, dict):
        raise BadProofError("cannot be read")
    return header, claims, key


def _public_key(jwk: object, alg: object) -> RSAKey | ECKey | OKPKey:
    if not isinstance(jwk, dict) or jwk.keys() & _PRIVATE:
        raise BadProofError("jwk is not a public key")
    plain = {name: value for name, value in jwk.items() if name in ("kty", "crv", "x", "y", "n", "e")}
    match alg, jwk.get("kty"), jwk.get("crv"):
        case "ES256", "EC", "P-256":
            return ECKey.import_key(plain)
        case "Ed25519", "OKP", "Ed25519":
            return OKPKey.import_key(plain)
        case "RS256", "RSA", None:
            key = RSAKey.import_key(plain)
            check_rsa(key.public_key, "DPoP key")
            return key
    raise BadProofError("the key does not fit its algorithm")


def _same_url(claimed: object, url: str) -> bool:
    """RFC 9449 section 4.3 step 9: compared without query and fragment, after RFC 3986 normalisation."""
    if not isinstance(claimed, str):
        return False
    return _normal(claimed) == _normal(url)


def _normal(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url)
    port = parts.port if parts.port is not None else {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme.lower(), (parts.hostname or "").lower(), port, parts.path or "/"


def _is_hash_of(ath: object, token: str) -> bool:
    wanted = base64.urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=")
    return isinstance(ath, str) and hmac.compare_digest(ath.encode("utf-8", "replace"), wanted)
