"""Client authentication:

secret by Basic or in the body (RFC 6749 section 2.3.1), or none for public clients.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from producers.issuer.directory import Client
from producers.issuer.oauth import OAuthError, invalid_client
from producers.issuer.secret import token_hash

# Compared when there is no such client, so that its absence takes as long as a wrong secret.
_NOBODY = bytes(32)


@dataclass(frozen=True)
class Presented:
    """What a request says about its client."""

    client_id: str
    secret: str | None
    method: str


def presented(authorization: str | None, form: Mapping[str, str]) -> Presented:
    """Read the client's credentials. Raises OAuthError when there are none, or two at once."""
    if authorization is not None:
        if "client_secret" in form:
            raise OAuthError("invalid_request", "one way of client authentication at a time")
        found = _basic(authorization)
        if form.get("client_id", found.client_id) != found.client_id:
            raise invalid_client()
        return found
    client_id = form.get("client_id")
    if client_id is None:
        raise invalid_client("client authentication is missing")
    secret = form.get("client_secret")
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
