"""Access tokens at the door of an ASGI application (RFC 6750), and a FastAPI dependency for scopes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import anyio.to_thread

from tokentrail.tokens.refusal import NotReadyError, TokenRefusedError
from tokentrail.tokens.validate import Accepted, Validator

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
OnUse = Callable[[Scope, "Accepted | TokenRefusedError"], None]

STATE_KEY = "tokentrail.token"
MAX_HEADER_BYTES = 9000


class TokenMiddleware:
    """Lets requests with a good token through and puts it into `scope["state"]`; the others are answered here.

    `on_use` is told of every token shown, accepted or refused, and must not block. Paths in `open_paths` need
    none.
    """

    def __init__(
        self, app: App, validator: Validator, *, on_use: OnUse | None = None, open_paths: frozenset[str] = frozenset()
    ) -> None:
        self._app, self._validator, self._on_use, self._open = app, validator, on_use, open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        token = bearer_token(scope)
        if token is None:
            await _answer(send, 401, 'Bearer realm="tokentrail"', "invalid_request", "an access token is needed")
            return
        try:
            # A thread, because the first token of an issuer makes the validator fetch its keys.
            accepted = await anyio.to_thread.run_sync(self._validator.validate, token)
        except TokenRefusedError as refused:
            self._tell(scope, refused)
            await _refuse(send, refused)
            return
        self._tell(scope, accepted)
        scope.setdefault("state", {})[STATE_KEY] = accepted
        await self._app(scope, receive, send)

    def _tell(self, scope: Scope, what: Accepted | TokenRefusedError) -> None:
        if self._on_use is not None:
            self._on_use(scope, what)


def bearer_token(scope: Scope) -> str | None:
    """The token of the one Authorization header (RFC 6750 section 2.1), None when there is none."""
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(found) != 1 or len(found[0]) > MAX_HEADER_BYTES:
        return None
    scheme, _, token = found[0].decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers, names in lower case; of a repeated one all values, joined as RFC 9110 section 5.3."""
    made: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        made[key] = f"{made[key]}, {text}" if key in made else text
    return made


def token_of(scope: Mapping[str, Any]) -> Accepted:
    """The token that let this request in. Raises KeyError behind an open path."""
    accepted: Accepted = scope["state"][STATE_KEY]
    return accepted


async def _refuse(send: Send, refused: TokenRefusedError) -> None:
    if isinstance(refused, NotReadyError):
        await _answer(send, 503, None, "temporarily_unavailable", "tokens cannot be checked just now")
        return
    challenge = 'Bearer realm="tokentrail", error="invalid_token"'
    await _answer(send, 401, challenge, "invalid_token", "the access token is not good")


async def _answer(send: Send, status: int, challenge: str | None, error: str, description: str) -> None:
    body = json.dumps({"error": error, "error_description": description}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if challenge is not None:
        headers.append((b"www-authenticate", challenge.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
