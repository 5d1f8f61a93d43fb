"""The parts of a running issuer, handed to each endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from producers.issuer.batch import BatchWriter
from producers.issuer.directory import Audience, Client, Directory, Pool
from producers.issuer.grant_record import TokenRow
from producers.issuer.limits import LoginLimits
from producers.issuer.metrics import Metrics
from producers.issuer.oauth import OAuthError
from producers.issuer.passwords import Passwords
from producers.issuer.secret import IssuerSecret, token_hash
from producers.issuer.settings import IssuerSettings
from producers.origin import Origin
from tokentrail import events
from tokentrail.tokens.keys import SigningKey
from tokentrail.tokens.mint import Minted, Minter


@dataclass(frozen=True)
class Core:
    """Everything an endpoint works with. Nothing here belongs to one request."""

    issuer: str
    settings: IssuerSettings
    signing: list[SigningKey]
    minter: Minter
    secret: IssuerSecret
    passwords: Passwords
    pool: Pool
    directory: Directory
    batch: BatchWriter
    wake: Callable[[], None]
    origin: Origin
    metrics: Metrics
    limits: LoginLimits
    # Argon2 takes 19 MiB and a core for 20 ms: a few threads of its own keep a flood of logins from starving
    # the rest.
    logins: ThreadPoolExecutor = field(repr=False)


@dataclass(frozen=True)
class Request:
    """A token request after its client is known."""

    form: Mapping[str, str]
    client: Client
    source: Mapping[str, Any]
    jkt: str | None = None
    """Thumbprint of the key that a DPoP proof showed."""


@dataclass(frozen=True)
class Grant:
    """For whom a token is minted, and what it may do."""

    audience: Audience
    scope: str | None
    subject: str
    client_id: str
    sid: str | None = None
    family: str | None = None
    auth_time: int | None = None
    amr: tuple[str, ...] = ()
    jkt: str | None = None


def choose_audience(core: Core, request: Request, granted: str | None = None) -> Audience:
    """The audience a request names (resource of RFC 8707, or audience), else the granted or the client's first."""
    wanted = request.form.get("resource") or request.form.get("audience") or granted or request.client.audiences[0]
    if wanted not in request.client.audiences or (granted is not None and wanted != granted):
        raise OAuthError("invalid_target", "this client gets no token for that audience")
    audience = core.directory.audiences.get(wanted)
    if audience is None:
        raise OAuthError("invalid_target", "that audience is not there any more")
    return audience


def choose_scope(request: Request, allowed: frozenset[str]) -> str | None:
    """The requested scope within what is allowed; all that is allowed when nothing is requested."""
    wanted = request.form.get("scope")
    if wanted is None:
        return " ".join(sorted(allowed)) or None
    words = frozenset(wanted.split(" ")) - {""}
    if not words <= allowed:
        raise OAuthError("invalid_scope", "more than this client may ask for")
    return " ".join(sorted(words)) or None


def mint(core: Core, grant: Grant) -> tuple[Minted, TokenRow]:
    """An access token and the row the issuer remembers it by."""
    minted = core.minter.mint(
        grant.audience.name,
        grant.audience.key,
        subject=grant.subject,
        client_id=grant.client_id,
        lifetime=min(grant.audience.lifetime, core.settings.access_token_seconds),
        more={
            "scope": grant.scope,
            "sid": grant.sid,
            "auth_time": grant.auth_time,
            "amr": list(grant.amr) or None,
            "cnf": {"jkt": grant.jkt} if grant.jkt else None,
        },
    )
    row = (
        token_hash(minted.token),
        minted.jti,
        grant.client_id,
        grant.subject,
        grant.sid,
        grant.family,
        grant.audience.name,
        grant.scope,
        minted.issued_at,
        minted.expires_at,
        grant.jkt,
    )
    return minted, row


def issued_fields(grant: Grant, minted: Minted) -> dict[str, Any]:
    """The fields that TokenIssued and TokenRefreshed share."""
    return {
        "subject": grant.subject,
        "client_id": grant.client_id,
        "session_id": grant.sid,
        "jti": minted.jti,
        "scope": grant.scope,
        "audience": grant.audience.name,
        "kid": minted.kid,
        "issued_at": minted.issued_at * 1_000_000,
        "expires_at": minted.expires_at * 1_000_000,
    }


def token_issued(core: Core, grant: Grant, minted: Minted, *, name: str, source: Mapping[str, Any]) -> dict[str, Any]:
    """TokenIssued for a new grant; the first refresh token of a family has generation 0."""
    return events.new_event(
        issuer=core.issuer,
        source=dict(source),
        **issued_fields(grant, minted),
        grant=name,
        family=grant.family,
        gen=0 if grant.family else None,
    )


def answer(grant: Grant, minted: Minted, refresh_token: str | None = None) -> dict[str, Any]:
    """The successful answer of RFC 6749 section 5.1."""
    body: dict[str, Any] = {
        "access_token": minted.token,
        "token_type": "DPoP" if grant.jkt else "Bearer",
        "expires_in": minted.expires_at - int(time.time()),
    }
    if grant.scope:
        body["scope"] = grant.scope
    if refresh_token:
        body["refresh_token"] = refresh_token
    return body
