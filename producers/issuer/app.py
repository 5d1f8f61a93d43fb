"""The issuer's HTTP endpoints. Each is short: read, authenticate the client, call, answer."""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from producers.issuer import (
    client_auth,
    description,
    grant_client,
    grant_code,
    grant_password,
    grant_refresh,
    introspection,
    metadata,
    once,
    revocation,
)
from producers.issuer import (
    core as parts,
)
from producers.issuer.client_record import note_client_failure
from producers.issuer.core import Core
from producers.issuer.directory import Client
from producers.issuer.login_page import LoginPage
from producers.issuer.oauth import OAuthError, invalid_client, read_form, required
from tokentrail.tokens import proof
from tokentrail.tokens.keys import jwks
from tokentrail.tokens.mint import NotMintedError

log = structlog.get_logger(__name__)

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
JWKS_MAX_AGE = 300
Form = dict[str, str]


def build(core: Core) -> FastAPI:
    """The ASGI application of one issuer."""
    app = FastAPI(title="Tokentrail reference issuer", version=version("tokentrail"), docs_url=None, redoc_url=None)
    endpoints = Endpoints(core)
    described = metadata.document(core.issuer)
    keys = jwks(core.signing)

    @app.get("/.well-known/oauth-authorization-server")
    async def authorization_server() -> Response:
        return JSONResponse(described, headers={"cache-control": f"public, max-age={JWKS_MAX_AGE}"})

    @app.get("/jwks.json")
    async def public_keys() -> Response:
        return JSONResponse(keys, headers={"cache-control": f"public, max-age={JWKS_MAX_AGE}"})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(core.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    app.get("/health")(endpoints.health)
    raw: dict[str, Any] = {"response_class": Response}
    tokens = description.form(("grant_type",), description.TOKEN_PARAMETERS[1:])
    about_token = description.form(("token",), ("token_type_hint",))
    app.post("/token", openapi_extra=tokens, **raw)(endpoints.token)
    app.post("/introspect", openapi_extra=about_token, **raw)(endpoints.introspect)
    app.post("/revoke", openapi_extra=about_token, **raw)(endpoints.revoke)
    page = LoginPage(core)
    asked = ("response_type", "client_id", "redirect_uri", "code_challenge", "code_challenge_method")
    shown = description.query(asked, ("scope", "state", "resource", "dpop_jkt"))
    filled = description.form(("request", "username", "password"), ("otp",), html=True)
    app.get("/authorize", openapi_extra=shown, **raw)(page.show)
    app.post("/authorize", openapi_extra=filled, **raw)(page.submit)
    return app


class Endpoints:
    """The endpoints that need the core."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def health(self) -> Response:
        """Whether the issuer can grant: its database answers."""
        try:
            await run_in_threadpool(self._ping)
        except psycopg.Error:
            return JSONResponse({"status": "database not reachable"}, 503)
        return JSONResponse({"status": "ok"})

    async def token(self, request: Request) -> Response:
        """POST /token (RFC 6749 section 3.2)."""
        started = time.perf_counter()
        answered = await self._answer(request, self._token)
        self._core.metrics.seconds.observe(time.perf_counter() - started)
        return answered

    async def introspect(self, request: Request) -> Response:
        """POST /introspect (RFC 7662)."""
        return await self._answer(request, self._introspect)

    async def revoke(self, request: Request) -> Response:
        """POST /revoke (RFC 7009)."""
        return await self._answer(request, self._revoke)

    async def _token(self, request: Request, form: Form, client: Client) -> Response:
        grant_type = required(form, "grant_type")
        if grant_type not in metadata.GRANTS:
            raise OAuthError("unsupported_grant_type", "this grant is not offered")
        if grant_type not in client.grants:
            raise OAuthError("unauthorized_client", "this client may not use this grant")
        jkt = await self._possession(request, client)
        asked = parts.Request(form, client, self._source(request), jkt)
        match grant_type:
            case "client_credentials":
                body = await self._client_credentials(asked)
            case "refresh_token":
                body = await run_in_threadpool(grant_refresh.grant, self._core, asked)
            case "authorization_code":
                body = await run_in_threadpool(grant_code.grant, self._core, asked)
            case _:
                loop = asyncio.get_running_loop()
                login = partial(grant_password.grant, self._core, asked)
                body = await loop.run_in_executor(self._core.logins, login)
        self._core.metrics.granted.labels(grant_type).inc()
        return JSONResponse(body, headers=NO_STORE)

    async def _client_credentials(self, asked: parts.Request) -> dict[str, Any]:
        """Minted on the event loop (a quarter of a millisecond), committed with its neighbours."""
        for name in asked.client.audiences:
            if self._core.directory.audiences.peek(name) is None:
                await run_in_threadpool(self._core.directory.audiences.get, name)
        body, record = grant_client.grant(self._core, asked)
        await asyncio.wrap_future(self._core.batch.submit(record))
        return body

    async def _introspect(self, _request: Request, form: Form, client: Client) -> Response:
        token = required(form, "token")
        body = await run_in_threadpool(introspection.introspect, self._core, client, token)
        return JSONResponse(body, headers=NO_STORE)

    async def _revoke(self, request: Request, form: Form, client: Client) -> Response:
        token = required(form, "token")
        source = self._source(request)
        await run_in_threadpool(revocation.revoke_token, self._core, client, token, source)
        return Response(status_code=200, headers=NO_STORE)

    async def _answer(self, request: Request, work: Callable[[Request, Form, Client], Awaitable[Response]]) -> Response:
        """What every endpoint shares: the form, the client, and errors in OAuth's form."""
        try:
            form = await read_form(request)
            client = await self._client(request, form)
            return await work(request, form, client)
        except OAuthError as error:
            return self._refusal(error)
        except NotMintedError as error:
            return self._refusal(OAuthError("invalid_request", str(error)))
        except (psycopg.Error, queue.Full) as error:
            log.warning("request failed", reason=type(error).__name__)
            return self._refusal(OAuthError("temporarily_unavailable", "try again", 503))

    async def _client(self, request: Request, form: Form) -> Client:
        found = client_auth.presented(request.headers.get("authorization"), form)
        client = self._core.directory.clients.peek(found.client_id)
        if client is None:
            client = await run_in_threadpool(self._core.directory.clients.get, found.client_id)
        source = self._source(request)
        limits = self._core.limits
        # By client and address together: otherwise anybody could lock a client out by guessing in its name.
        guesser = f"{found.client_id[:128]} {source['ip']}"
        wait = max(limits.clients.wait(guesser), limits.addresses.wait(source["ip"] or ""))
        if wait:
            raise OAuthError("slow_down", "too many failures: try again later", 429, retry_after=wait)
        try:
            if found.method != client_auth.PRIVATE_KEY_JWT:
                return client_auth.check(found, client)
            return await self._asserted(found, client)
        except OAuthError:
            limits.clients.failed(guesser)
            limits.addresses.failed(source["ip"] or "")
            note_client_failure(self._core, found, client, source)
            raise

    async def _asserted(self, found: client_auth.Presented, client: Client | None) -> Client:
        """A client by its signed assertion, which works once (RFC 7523 section 3)."""
        issuer = self._core.issuer
        known, jti = client_auth.check_assertion(found, client, (issuer, f"{issuer}/token"))
        lifetime = proof.ASSERTION_SECONDS + 2 * proof.SKEW_SECONDS
        if not await run_in_threadpool(once.use, self._core, "assertion", known.client_id, jti, lifetime):
            raise invalid_client()
        return known

    async def _possession(self, request: Request, client: Client) -> str | None:
        """The thumbprint of the key a DPoP proof shows (RFC 9449 section 5), None without a proof."""
        shown = request.headers.getlist("dpop")
        if not shown and not client.require_dpop:
            return None
        try:
            # Several headers joined are no JWS, so they are refused too (section 4.3 step 1).
            made = proof.verify_dpop(",".join(shown), method="POST", url=f"{self._core.issuer}/token")
        except proof.BadProofError as error:
            raise OAuthError("invalid_dpop_proof", str(error)) from None
        lifetime = proof.PROOF_AGE_SECONDS + 2 * proof.SKEW_SECONDS
        if not await run_in_threadpool(once.use, self._core, "dpop", made.jkt, made.jti, lifetime):
            raise OAuthError("invalid_dpop_proof", "this proof was used before")
        return made.jkt

    def _refusal(self, error: OAuthError) -> Response:
        self._core.metrics.refused.labels(error.error).inc()
        headers = dict(NO_STORE)
        if error.status == 401:
            # RFC 6749 section 5.2 wants the challenge; the error in it serves clients that read nothing else.
            headers["www-authenticate"] = f'Basic realm="tokentrail", error="{error.error}"'
        if error.retry_after:
            headers["retry-after"] = str(error.retry_after)
        return JSONResponse({"error": error.error, "error_description": error.description}, error.status, headers)

    def _source(self, request: Request) -> dict[str, Any]:
        peer = request.client.host if request.client else None
        return self._core.origin.source(peer, request.headers)

    def _ping(self) -> None:
        with self._core.pool.connection(timeout=2) as conn:
            conn.execute("select 1")
