"""FastAPI dependency: the token of a request behind TokenMiddleware, with the scopes an endpoint needs."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import HTTPException, Request

from tokentrail.tokens.asgi import token_of
from tokentrail.tokens.validate import Accepted


def require(*scopes: str) -> Callable[[Request], Accepted]:
    """A dependency that gives the accepted token, or answers 403 insufficient_scope (RFC 6750 section 3.1)."""
    needed = frozenset(scopes)

    def dependency(request: Request) -> Accepted:
        accepted = token_of(request.scope)
        if not needed <= accepted.scopes:
            challenge = f'Bearer realm="tokentrail", error="insufficient_scope", scope="{" ".join(sorted(needed))}"'
            raise HTTPException(403, "insufficient_scope", {"www-authenticate": challenge})
        return accepted

    return dependency
