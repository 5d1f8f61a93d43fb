"""The ASGI application: routes, errors in the form of what was asked for, headers, counts."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import psycopg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

from tokentrail.errors import ConfigError, NotConnected, NotFound, TokentrailError
from tokentrail.web import alert_pages, artefacts, checkpoint_pages, health, ledger_pages, login_pages
from tokentrail.web.auth import BadForm, NotAllowed
from tokentrail.web.headers import SecurityHeaders
from tokentrail.web.render import answer, wants_json
from tokentrail.web.state import Web

log = structlog.get_logger()
Next = Callable[[Request], Awaitable[Response]]


def build(web: Web) -> FastAPI:
    """The application over an opened `web`."""
    app = FastAPI(title="Tokentrail", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(packages=[("tokentrail.web", "static")]), name="static")
    app.get("/favicon.ico")(lambda: RedirectResponse("/static/icon.svg", 308))
    for router in (
        artefacts.routes(web),
        ledger_pages.proof_routes(web),
        checkpoint_pages.note_routes(web),
        health.routes(web),
        login_pages.routes(web),
        ledger_pages.routes(web),
        checkpoint_pages.routes(web),
    ):
        app.include_router(router)
    if web.alerts is not None:
        app.include_router(alert_pages.routes(web, web.alerts))
    _errors(app)

    @app.middleware("http")
    async def count(request: Request, call_next: Next) -> Response:
        started = time.perf_counter()
        done = await call_next(request)
        route = getattr(request.scope.get("route"), "path", "none")
        web.requests.labels(route, str(done.status_code)).inc()
        if time.perf_counter() - started > 1:
            log.warning("a slow request", route=route)
        return done

    app.add_middleware(SecurityHeaders)
    return app


def _errors(app: FastAPI) -> None:
    def said(request: Request, status: int, message: str) -> Response:
        return answer(request, "error.html", {"error": message}, status=status)

    @app.exception_handler(NotAllowed)
    def not_allowed(request: Request, error: NotAllowed) -> Response:
        if error.login and not wants_json(request):
            return RedirectResponse("/login", status_code=303)
        done = said(request, 401 if error.login else 403, str(error))
        if error.login:
            done.headers["www-authenticate"] = 'Bearer realm="tokentrail"'
        return done

    @app.exception_handler(BadForm)
    def bad_form(request: Request, error: BadForm) -> Response:
        return said(request, 403, str(error))

    @app.exception_handler(TokentrailError)
    def ours(request: Request, error: TokentrailError) -> Response:
        status = 404 if isinstance(error, NotFound) else 503 if isinstance(error, NotConnected) else 400
        if isinstance(error, ConfigError):
            log.warning("a request met a setting that is missing", reason=str(error))
        return said(request, status, str(error))

    @app.exception_handler(psycopg.DataError)
    def unstorable(request: Request, _error: Exception) -> Response:
        return said(request, 400, "the request holds characters or numbers that no entry can hold")

    @app.exception_handler(psycopg.Error)
    @app.exception_handler(PoolTimeout)
    def database(request: Request, error: Exception) -> Response:
        log.warning("a request failed", reason=type(error).__name__)
        return said(request, 503, "the database does not answer: try again")

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return said(request, 400, f"{'.'.join(str(part) for part in first['loc'][1:])}: {first['msg']}")

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        return said(request, error.status_code, str(error.detail))
