"""OAuth 2.0 errors (RFC 6749 section 5.2) and request parameters."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

MAX_BODY_BYTES = 64 * 1024
MAX_PARAMETERS = 40


class OAuthError(Exception):
    """An error answer: its code of RFC 6749, a sentence for the developer, the HTTP status."""

    def __init__(self, error: str, description: str, status: int = 400, *, retry_after: int = 0) -> None:
        super().__init__(f"{error}: {description}")
        self.error, self.description, self.status = error, description, status
        self.retry_after = retry_after


def invalid_client(description: str = "client authentication failed") -> OAuthError:
    """401: who asks is not who it says (RFC 6749 section 5.2)."""
    return OAuthError("invalid_client", description, 401)


def parse_form(content_type: str, body: bytes) -> Mapping[str, str]:
    """The parameters of a form body. Raises OAuthError for another type, a repeated name, or odd bytes.

    RFC 6749 section 3.2: parameters sent without a value are treated as omitted, and none is included twice.
    """
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "send application/x-www-form-urlencoded", 415)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MAX_PARAMETERS,
            encoding="utf-8",
            errors="strict",
        )
    except ValueError:
        raise OAuthError("invalid_request", "the form cannot be read") from None
    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form and name != "resource":
            raise OAuthError("invalid_request", "a parameter is repeated")
        if name in form:
            raise OAuthError("invalid_target", "one resource at a time")
        if "\x00" in value:
            raise OAuthError("invalid_request", "a parameter has a NUL character")
        form[name] = value
    return {name: value for name, value in form.items() if value}


async def read_form(request: Request) -> dict[str, str]:
    """The form of a request, read no further than the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise OAuthError("invalid_request", "the request is too large", 413)
    return dict(parse_form(request.headers.get("content-type", ""), bytes(body)))


def required(form: Mapping[str, str], name: str) -> str:
    """A parameter that must be there."""
    value = form.get(name)
    if value is None:
        raise OAuthError("invalid_request", f"{name} is missing")
    return value
