"""The authorization request (RFC 6749 section 4.1 with RFC 7636, RFC 9207 and the rules of RFC 9700)."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from urllib.parse import urlencode, urlsplit

from producers.issuer.core import Core
from producers.issuer.directory import Client
from producers.issuer.oauth import OAuthError

FORM_SECONDS = 600
CODE_SECONDS = 60
MAX_STATE_CHARS = 512

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")
_JKT = re.compile(r"[A-Za-z0-9_-]{43}\Z")


class UnsafeRedirectError(Exception):
    """The client or its redirect URI is not known: the error is shown here and goes nowhere else."""


@dataclass(frozen=True)
class Asked:
    """An authorization request that was checked."""

    client_id: str
    redirect_uri: str
    challenge: str
    audience: str
    scope: str | None
    state: str | None
    jkt: str | None

    def redirect(self, issuer: str, **answer: str) -> str:
        """The redirect URI with an answer; `iss` says who answers (RFC 9207 section 2)."""
        query = {**answer, "iss": issuer} | ({"state": self.state} if self.state is not None else {})
        joint = "&" if urlsplit(self.redirect_uri).query else "?"
        return f"{self.redirect_uri}{joint}{urlencode(query)}"


class RedirectedError(Exception):
    """An error that the client is told through its redirect URI."""

    def __init__(self, location: str) -> None:
        super().__init__("redirected")
        self.location = location


def check(core: Core, query: Mapping[str, str], client: Client | None) -> Asked:
    """The checked request. Raises UnsafeRedirectError or RedirectedError."""
    uri = query.get("redirect_uri", "")
    if client is None or uri not in client.redirect_uris:  # exact: RFC 9700 section 4.1.3
        raise UnsafeRedirectError
    state = query.get("state")
    asked = Asked(
        client_id=client.client_id,
        redirect_uri=uri,
        challenge=query.get("code_challenge", ""),
        audience=query.get("resource") or client.audiences[0],
        scope=query.get("scope") or " ".join(sorted(client.scope)) or None,
        state=state if state is not None and len(state) <= MAX_STATE_CHARS else None,
        jkt=query.get("dpop_jkt"),
    )
    wrong = _wrong(query, client, asked)
    if wrong:
        raise RedirectedError(asked.redirect(core.issuer, error=wrong[0], error_description=wrong[1]))
    return asked


def _wrong(query: Mapping[str, str], client: Client, asked: Asked) -> tuple[str, str] | None:
    checks = (
        (query.get("response_type") == "code", "unsupported_response_type", "only code is offered"),
        ("authorization_code" in client.grants, "unauthorized_client", "this client may not use this grant"),
        (
            query.get("code_challenge_method") == "S256" and _CHALLENGE.match(asked.challenge),
            "invalid_request",
            "PKCE with S256 is needed (RFC 7636)",
        ),
        (asked.audience in client.audiences, "invalid_target", "this client gets no token for that audience"),
        (
            frozenset((asked.scope or "").split()) <= client.scope,
            "invalid_scope",
            "more than this client may ask for",
        ),
        (asked.jkt is None or _JKT.match(asked.jkt), "invalid_request", "dpop_jkt is not a thumbprint"),
        (len(query.get("state", "")) <= MAX_STATE_CHARS, "invalid_request", "state is too long"),
    )
    return next(((error, why) for holds, error, why in checks if not holds), None)


def fits(verifier: str, challenge: str) -> bool:
    """RFC 7636 section 4.6, S256."""
    if not _VERIFIER.match(verifier):
        return False
    digest = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, challenge.encode())


def pack(core: Core, asked: Asked, nonce: str) -> str:
    """The request as a signed form field, bound to the browser that got the page by the nonce in its cookie."""
    body = json.dumps({**asdict(asked), "nonce": nonce, "until": int(time.time()) + FORM_SECONDS})
    encoded = base64.urlsafe_b64encode(body.encode())
    return f"{encoded.decode()}.{core.secret.form_tag(encoded)}"


def unpack(core: Core, packed: str, nonce: str | None) -> Asked:
    """The request out of its field.

    Raises OAuthError when it was changed, is old, or is of another browser.
    """
    encoded, _, tag = packed.partition(".")
    if nonce is None or not hmac.compare_digest(core.secret.form_tag(encoded.encode()), tag):
        raise OAuthError("invalid_request", "this form is not ours: begin again")
    fields = json.loads(base64.urlsafe_b64decode(encoded))
    same = hmac.compare_digest(str(fields.pop("nonce")).encode(), nonce.encode("utf-8", "replace"))
    if fields.pop("until") < time.time() or not same:
        raise OAuthError("invalid_request", "this form is too old: begin again")
    return Asked(**fields)
