"""Client authentication:

secret by Basic or in the body (RFC 6749 section 2.3.1), or none for public clients.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from producers.issuer.directory import Client
from producers.issuer.oauth import OAuthError, invalid_client
from producers.issuer.secret import token_hash
from tokentrail.tokens import proof
from tokentrail.tokens.keys import from_jwks

PRIVATE_KEY_JWT = "private_key_jwt"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# Compared when there is no such client, so that its absence takes as long as a wrong secret.
_NOBODY = bytes(32)


@dataclass(frozen=True)
class Presented:
    """What a request says about its client."""

    client_id: str
    secret: str | None = field(repr=False)
    method: str


def presented(authorization: str | None, form: Mapping[str, str]) -> Presented:
    """Read the client's credentials. Raises OAuthError when there are none, or two at once."""
    if authorization is not None:
        if "client_secret" in form or "client_assertion" in form:
            raise OAuthError("invalid_request", "one way of client authentication at a time")
        found = _basic(authorization)
        if form.get("client_id", found.client_id) != found.client_id:
            raise invalid_client()
        return found
    client_id = form.get("client_id")
    if "client_assertion" in form and "client_secret" not in form:
        return _assertion(form)
    if client_id is None:
        raise invalid_client("client authentication is missing")
    secret = form.get("client_secret")
    if secret is not None and "client_assertion" in form:
        raise OAuthError("invalid_request", "one way of client authentication at a time")
    return Presented(client_id, secret, "client_secret_post" if secret is not None else "none")


def check(found: Presented, client: Client | None) -> Client:
    """The client, if what was presented fits it.

    Raises invalid_client otherwise, always after one comparison.
    """
    expected = client.secret_hash if client is not None and client.secret_hash is not None else _NOBODY
    fits = hmac.compare_digest(token_hash(found.secret or ""), expected)
    if client is None:
        raise invalid_client()
    if client.public and found.method == "none":
        return client
    if not fits or client.secret_hash is None:
        raise invalid_client()
    return client


def check_assertion(found: Presented, client: Client | None, audiences: tuple[str, ...]) -> tuple[Client, str]:
    """The client and the assertion's id, which the caller must find unused.

    Raises invalid_client otherwise.
    """
    if client is None or client.jwks is None:
        raise invalid_client()
    try:
        jti = proof.verify_assertion(
            found.secret or "", client_id=client.client_id, audiences=audiences, keys=from_jwks(client.jwks)
        )
    except proof.BadProofError:
        raise invalid_client() from None
    return client, jti


def _assertion(form: Mapping[str, str]) -> Presented:
    """private_key_jwt: RFC 7521 section 4.2, RFC 7523 section 2.2."""
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise OAuthError("invalid_request", f"client_assertion_type is not {ASSERTION_TYPE}")
    try:
        client_id = proof.claimed_client(form["client_assertion"])
    except proof.BadProofError:
        raise invalid_client() from None
    if form.get("client_id", client_id) != client_id:
        raise invalid_client()
    return Presented(client_id, form["client_assertion"], PRIVATE_KEY_JWT)


def _basic(authorization: str) -> Presented:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client("authenticate with Basic")
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise invalid_client("the Basic credentials cannot be read") from None
    if not colon or "\x00" in name + secret:
        raise invalid_client("the Basic credentials cannot be read")
    # RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    return Presented(unquote_plus(name), unquote_plus(secret), "client_secret_basic")
