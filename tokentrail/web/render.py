"""Pages and their JSON twins from the same data. Everything from outside is escaped, twice over for control signs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tokentrail.ledger.export import printable

NO_STORE = {"cache-control": "no-store"}


def _finalize(value: Any) -> Any:
    """Control and direction signs in data become visible; what templates themselves say stays."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else printable(value)


def _lines(text: str) -> Markup:
    """Text that keeps its line ends, for <pre>; each line is made printable and escaped."""
    return Markup("\n").join(escape(printable(line)) for line in text.split("\n"))


def _pretty(value: Any) -> Markup:
    return _lines(json.dumps(value, indent=2, ensure_ascii=False, default=_json))


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


_TEMPLATES = Environment(
    loader=PackageLoader("tokentrail.web"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_finalize,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"lines": _lines, "pretty": _pretty, "number": _number}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


def wants_json(request: Request) -> bool:
    """The path's end says so, or, for pages without ending, what the client accepts."""
    if request.url.path.endswith(".json"):
        return True
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def answer(
    request: Request, template: str, data: dict[str, Any], *, status: int = 200, page: dict[str, Any] | None = None
) -> Response:
    """`data` as JSON, or as a page; `page` holds what only the page needs (forms, who looks)."""
    if wants_json(request):
        body = json.dumps(data, default=_json)
        return Response(body, status, headers=NO_STORE, media_type="application/json")
    shown = {"viewer": getattr(request.state, "viewer", None), "path": request.url.path, **data, **(page or {})}
    html = _TEMPLATES.get_template(template).render(shown)
    return Response(html, status, headers=NO_STORE, media_type="text/html; charset=utf-8")
