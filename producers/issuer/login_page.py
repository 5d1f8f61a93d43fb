"""GET and POST /authorize: the login page, which works without scripts and says nothing about the person."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from importlib.resources import files
from urllib.parse import urlsplit

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from producers.issuer import authorization, grant_code
from producers.issuer.authorization import Asked, RedirectedError, UnsafeRedirectError
from producers.issuer.core import Core
from producers.issuer.oauth import OAuthError, read_form

COOKIE = "tokentrail_login"
_template = jinja2.Environment(autoescape=True).from_string(
    files("producers.issuer").joinpath("login.html").read_text("utf-8")
)


class LoginPage:
    """The two halves of /authorize."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def show(self, request: Request) -> Response:
        """The page for a good request; otherwise the error, to the client where that is safe."""
        query = dict(request.query_params)
        client_id = query.get("client_id", "")
        client = await run_in_threadpool(self._core.directory.clients.get, client_id)
        try:
            asked = authorization.check(self._core, query, client)
        except UnsafeRedirectError:
            return _page(None, None, "This login was asked for by a program that is not known here.", 400)
        except RedirectedError as error:
            return RedirectResponse(error.location, 303)
        return self._form(asked, secrets.token_urlsafe(16), None, 200)

    async def submit(self, request: Request) -> Response:
        """Log in, and go back to the client with a code."""
        nonce = request.cookies.get(COOKIE)
        try:
            form = await read_form(request)
            asked = authorization.unpack(self._core, form.get("request", ""), nonce)
        except OAuthError as error:
            return _page(None, None, error.description, 400)
        peer = request.client.host if request.client else None
        source = self._core.origin.source(peer, request.headers)
        work = partial(grant_code.log_in, self._core, asked, form, source)
        try:
            code = await asyncio.get_running_loop().run_in_executor(self._core.logins, work)
        except OAuthError as error:
            return self._form(asked, nonce or "", _told(error), 429 if error.status == 429 else 400)
        return RedirectResponse(asked.redirect(self._core.issuer, code=code), 303, {"cache-control": "no-store"})

    def _form(self, asked: Asked, nonce: str, error: str | None, status: int) -> Response:
        page = _page(authorization.pack(self._core, asked, nonce), asked, error, status)
        secure = self._core.issuer.startswith("https:")
        page.set_cookie(
            COOKIE, nonce, max_age=authorization.FORM_SECONDS, httponly=True, samesite="strict", secure=secure
        )
        return page


def _told(error: OAuthError) -> str:
    """What the person is told: the same for a wrong name and a wrong password."""
    if error.error == "mfa_required":
        return "Your account needs a one-time code."
    return "Too many attempts: wait a while." if error.status == 429 else "That did not work."


def _page(packed: str | None, asked: Asked | None, error: str | None, status: int) -> Response:
    nonce = secrets.token_urlsafe(12)
    # The redirect that follows the form counts as its action (CSP 3), so the client's origin must be named.
    parts = urlsplit(asked.redirect_uri) if asked else None
    back = f" {parts.scheme}://{parts.netloc}" if parts else ""
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'{back}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "cache-control": "no-store",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
    return HTMLResponse(_template.render(packed=packed, error=error, nonce=nonce), status, headers)
