"""Access tokens at the door of an ASGI application: Bearer (RFC 6750) and DPoP (RFC 9449)."""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import anyio.to_thread

from tokentrail.tokens.proof import DPOP_ALGS, PROOF_AGE_SECONDS, BadProofError, verify_dpop
from tokentrail.tokens.refusal import Claimed, NotReadyError, TokenRefusedError, UntrustedTokenError
from tokentrail.tokens.validate import Accepted, Validator

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
OnUse = Callable[[Scope, "Accepted | TokenRefusedError"], None]

STATE_KEY = "tokentrail.token"
MAX_HEADER_BYTES = 9000
_CHALLENGE = f'Bearer realm="tokentrail", DPoP algs="{" ".join(DPOP_ALGS)}"'


class TokenMiddleware:
    """Lets requests with a good token through and puts it into `scope["state"]`; the others are answered here.

    `on_use` is told of every token shown, accepted or refused, and must not block. Paths in `open_paths` need
    none. `public_url` is where clients see this application (DPoP proofs name it); default the Host header.
    """

    def __init__(
        self,
        app: App,
        validator: Validator,
        *,
        on_use: OnUse | None = None,
        open_paths: frozenset[str] = frozenset(),
        public_url: str | None = None,
    ) -> None:
        self._app, self._validator, self._on_use, self._open = app, validator, on_use, open_paths
        self._url = public_url
        self._seen = SeenOnce()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        shown = shown_token(scope)
        if shown is None:
            await _answer(send, 401, _CHALLENGE, "invalid_request", "an access token is needed")
            return
        try:
            # A thread, because the first token of an issuer makes the validator fetch its keys.
            accepted = await anyio.to_thread.run_sync(self._check, scope, *shown)
        except TokenRefusedError as refused:
            self._tell(scope, refused)
            await _refuse(send, refused)
            return
        self._tell(scope, accepted)
        scope.setdefault("state", {})[STATE_KEY] = accepted
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, scheme: str, token: str) -> Accepted:
        """Validate, and for a token bound to a key demand the proof (RFC 9449 section 7.1)."""
        accepted = self._validator.validate(token)
        bound = (accepted.claims.get("cnf") or {}).get("jkt")
        told = Claimed(accepted.claims, accepted.kid, verified=True)
        if bound is None and scheme == "bearer":
            return accepted
        if bound is None or scheme != "dpop":
            raise UntrustedTokenError("proof", "shown under the wrong scheme", told)
        proofs = [value.decode("latin-1") for name, value in scope["headers"] if name == b"dpop"]
        try:
            made = verify_dpop(",".join(proofs), method=scope["method"], url=self._seen_url(scope), token=token)
        except BadProofError as error:
            raise UntrustedTokenError("proof", str(error), told) from None
        if not hmac.compare_digest(made.jkt, bound) or not self._seen.first(f"{made.jkt} {made.jti}"):
            raise UntrustedTokenError("proof", "of another key, or used before", told)
        return accepted

    def _seen_url(self, scope: Scope) -> str:
        host = next((v.decode("latin-1") for n, v in scope["headers"] if n == b"host"), "")
        return f"{self._url or scope['scheme'] + '://' + host}{scope['path']}"

    def _tell(self, scope: Scope, what: Accepted | TokenRefusedError) -> None:
        if self._on_use is not None:
            self._on_use(scope, what)


class SeenOnce:
    """Ids of proofs, remembered as long as a proof is good (RFC 9449 section 11.1), in bounded memory."""

    def __init__(self, seconds: float = 2 * PROOF_AGE_SECONDS, max_ids: int = 200_000) -> None:
        self._seconds, self._max = seconds, max_ids
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def first(self, id_: str) -> bool:
        """Whether the id was not seen before; False also when there are too many to remember."""
        now = time.monotonic()
        with self._lock:
            while self._until and next(iter(self._until.values())) <= now:
                self._until.popitem(last=False)
            if id_ in self._until or len(self._until) >= self._max:
                return False
            self._until[id_] = now + self._seconds
            return True


def shown_token(scope: Scope) -> tuple[str, str] | None:
    """Scheme (bearer or dpop) and token of the one Authorization header, None when there is none."""
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(found) != 1 or len(found[0]) > MAX_HEADER_BYTES:
        return None
    scheme, _, token = found[0].decode("latin-1").partition(" ")
    known = scheme.lower() in ("bearer", "dpop") and token.strip()
    return (scheme.lower(), token.strip()) if known else None


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
    await _answer(
        send,
        401,
        _CHALLENGE.replace(",", ', error="invalid_token",', 1),
        "invalid_token",
        "the access token is not good",
    )


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
