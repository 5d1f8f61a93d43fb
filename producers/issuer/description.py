"""The endpoints described for OpenAPI: they read raw forms, so FastAPI cannot know their parameters."""

from __future__ import annotations

from typing import Any

_STRINGS = {"type": "string", "maxLength": 4096}
_CLIENT = ("client_id", "client_secret", "client_assertion", "client_assertion_type")
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
}

TOKEN_PARAMETERS = (
    *("grant_type", "scope", "resource", "audience", "refresh_token", "username", "password", "otp"),
    *("code", "redirect_uri", "code_verifier"),
)


def form(required: tuple[str, ...], optional: tuple[str, ...] = (), *, html: bool = False) -> dict[str, Any]:
    """An operation that takes a form with these parameters, and client authentication beside them."""
    names = (*required, *optional, *(() if html else _CLIENT))
    schema = {
        "type": "object",
        "required": list(required),
        "properties": dict.fromkeys(names, _STRINGS),
        "additionalProperties": False,
    }
    described: dict[str, Any] = {
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}},
        "responses": answers(html=html),
    }
    if not html:
        described["security"] = [{"client": []}, {}]
    return described


def query(required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
    """An operation that takes query parameters and answers with a page or a redirect."""
    return {
        "parameters": [
            {"name": name, "in": "query", "required": name in required, "schema": _STRINGS}
            for name in (*required, *optional)
        ],
        "responses": answers(html=True),
    }


def answers(*, html: bool) -> dict[str, Any]:
    """Success, and errors in OAuth's form."""
    if html:
        page = {"text/html": {"schema": {"type": "string"}}}
        return {
            "200": {"description": "a page", "content": page},
            "303": {"description": "back to the client"},
            "400": {"description": "a page that says what is wrong", "content": page},
            "429": {"description": "too many attempts", "content": page},
        }
    refused = {"description": "refused", "content": {"application/json": {"schema": _ERROR}}}
    return {"200": {"description": "done"}} | dict.fromkeys(("400", "401", "403", "413", "415", "429", "503"), refused)


SECURITY = {"client": {"type": "http", "scheme": "basic"}}
