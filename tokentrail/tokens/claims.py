"""What may stand in a token: an allow-list of claims, and subjects that say nothing about a person.

HIPAA's identifiers (45 CFR 164.514(b)(2)) are names, numbers, dates and addresses. A subject that is long and
random cannot be one of them, so the rule asks for randomness and then refuses the known shapes.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tokentrail import phi

#: RFC 9068 section 2.2, RFC 7519 section 4.1, RFC 8693 section 4.3, RFC 7800, OpenID Connect's sid.
ALLOWED_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id"}
    | {"scope", "cnf", "sid", "txn", "auth_time", "acr", "amr"}
)
REQUIRED_CLAIMS = frozenset({"iss", "sub", "aud", "exp", "iat", "jti", "client_id"})

MAX_LIFETIME = 900
"""Seconds between iat and exp, at most, whoever signed."""

MIN_JTI_CHARS = 22
"""128 bits in base64url."""

_OPAQUE = re.compile(r"[A-Za-z0-9_-]{16,128}\Z")
_RUN_OF_LETTERS = re.compile(r"[a-z]{9,}|[A-Z][a-z]{6,}")
_RUN_OF_DIGITS = re.compile(r"\d[\d_-]{5,}\d")
_DATE = re.compile(r"(?:19|20)\d\d[-_]?(?:0[1-9]|1[0-2])[-_]?(?:0[1-9]|[12]\d|3[01])(?!\d)")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}\Z")
_ID = re.compile(r"[A-Za-z0-9._:~/-]{1,255}\Z")


def new_id(prefix: str = "") -> str:
    """A fresh identifier of 144 random bits; opaque by the rule below."""
    while True:
        made = prefix + secrets.token_urlsafe(18)
        if is_opaque(made):
            return made


@lru_cache(maxsize=10_000)
def is_opaque(subject: str) -> bool:
    """Whether a subject is random enough to say nothing about anybody.

    At least 16 characters of letters, digits, - and _, with letters and at least two digits, and no run that
    reads like a name, a date, or a number with words around it.
    """
    if phi.is_uuid(subject) or not _OPAQUE.match(subject):
        return phi.is_uuid(subject)
    digits = sum(c.isdigit() for c in subject)
    letters = sum(c.isalpha() for c in subject)
    if digits < 2 or letters < 4 or _RUN_OF_LETTERS.search(subject):
        return False
    return not (_DATE.search(subject) or _RUN_OF_DIGITS.search(subject) or phi.shape_of(subject))


def is_identifier(text: str) -> bool:
    """Whether an issuer, audience or client id is a plain identifier or URL path: no spaces, no free text."""
    return _ID.match(text) is not None


def is_scope(text: str) -> bool:
    """Whether each word is a scope token of RFC 6749 section 3.3 (64 characters at most), 32 at most."""
    words = text.split(" ")
    return len(words) <= 32 and all(_SCOPE.match(word) for word in words)


def problems(claims: Mapping[str, Any], *, opaque: bool = True) -> str | None:
    """The first thing wrong with a claim set, or None. Times and trust are not judged here."""
    unknown = claims.keys() - ALLOWED_CLAIMS
    if unknown:
        return f"{len(unknown)} claim(s) outside the allow-list"
    missing = REQUIRED_CLAIMS - claims.keys()
    if missing:
        return f"missing {', '.join(sorted(missing))}"
    return _identity(claims, opaque=opaque) or _times(claims) or _optional(claims)


def _identity(claims: Mapping[str, Any], *, opaque: bool) -> str | None:
    for name in ("iss", "sub", "jti", "client_id"):
        if not isinstance(claims[name], str) or not claims[name]:
            return f"{name} is not a text"
    if len(claims["jti"]) < MIN_JTI_CHARS or not is_identifier(claims["jti"]):
        return "jti has less than 128 bits"
    if opaque and not is_opaque(claims["sub"]):
        return "sub is not opaque"
    if not is_identifier(claims["client_id"]):
        return "client_id is not an identifier"
    return None


def _times(claims: Mapping[str, Any]) -> str | None:
    for name in ("iat", "exp", "nbf", "auth_time"):
        if name in claims and (not isinstance(claims[name], int) or isinstance(claims[name], bool)):
            return f"{name} is not a whole number of seconds"
    return None


def _optional(claims: Mapping[str, Any]) -> str | None:
    scope, sid, amr = claims.get("scope"), claims.get("sid"), claims.get("amr")
    if scope is not None and not (isinstance(scope, str) and is_scope(scope)):
        return "scope is not a list of scope tokens"
    for name, value in (("sid", sid), ("txn", claims.get("txn")), ("acr", claims.get("acr"))):
        if value is not None and not (isinstance(value, str) and is_identifier(value)):
            return f"{name} is not an identifier"
    if amr is not None and not (isinstance(amr, list) and all(isinstance(m, str) and _SCOPE.match(m) for m in amr)):
        return "amr is not a list of method names"
    return _confirmation(claims.get("cnf"))


def _confirmation(cnf: object) -> str | None:
    """RFC 7800 `cnf`, only with the thumbprints of RFC 9449 (jkt) and RFC 8705 (x5t#S256)."""
    if cnf is None:
        return None
    if not isinstance(cnf, dict) or not cnf or cnf.keys() - {"jkt", "x5t#S256"}:
        return "cnf is not a key thumbprint"
    if any(not isinstance(v, str) or not re.fullmatch(r"[A-Za-z0-9_-]{43}", v) for v in cnf.values()):
        return "cnf is not a key thumbprint"
    return None
