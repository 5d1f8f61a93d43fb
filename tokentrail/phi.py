"""Shapes of what identifies a patient (45 CFR 164.514(b)(2)), to keep it out of fields that are kept for ever.

Shapes find numbers, dates and addresses. A name has no shape: against names it helps only that identifiers
must be random (tokentrail.tokens.claims.is_opaque) and that no free text enters a claim.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

REMOVED = "[removed]"

_SHAPES: dict[str, re.Pattern[str]] = {
    "email": re.compile(r"[^\s@<>()\[\]\";,]{1,64}@[^\s@<>()\[\]\";,]{1,255}\.[A-Za-z]{2,24}"),
    "ssn": re.compile(r"(?<!\d)\d{3}[- ]\d{2}[- ]\d{4}(?!\d)"),
    "phone": re.compile(r"(?<![\d.])(?:\+?\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\d.])"),
    "record_number": re.compile(
        r"(?i)(?<![a-z])(?:mrn|pat(?:ient)?|rec(?:ord)?|case|member)[ _#:.-]{0,3}\d{4,12}(?!\d)"
    ),
    "date": re.compile(
        r"(?<!\d)(?:(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])"
        r"|(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:19|20)\d\d)(?!\d)"
    ),
    "name": re.compile(r"^[^\W\d_]{2,}(?:[ ,._'-]+[^\W\d_]{2,})*[ ._-]?\d{0,4}$"),
    "text": re.compile(r"[\s@,;'\"]|[^\x20-\x7e]"),
    "digits": re.compile(r"(?<![0-9A-Fa-f])\d{7,}(?![0-9A-Fa-f])"),
    "number": re.compile(r"^\D{0,4}\d[\d ./-]{4,}\D{0,2}$"),
}
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_IN_TEXT = ("email", "ssn", "phone", "record_number")
"""Shapes that can be told from the rest of a free text, such as a user agent."""

IDENTIFIERS = ("subject", "client_id", "session_id", "jti")


def shape_of(text: str) -> str | None:
    """Which shape an identifier has, None if it has none (a UUID never has).

    For whole fields, not for prose.
    """
    if is_uuid(text):
        return None
    return next((name for name, pattern in _SHAPES.items() if pattern.search(text)), None)


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID in its usual form."""
    return _UUID.match(text) is not None


def scrub(text: str) -> str:
    """Free text without what can be recognised in it, also where it was percent-encoded."""
    plain = unquote(text)
    scrubbed = plain
    for name in _IN_TEXT:
        scrubbed = _SHAPES[name].sub(REMOVED, scrubbed)
    return text if scrubbed == plain else scrubbed


def flagged(event: Mapping[str, Any]) -> dict[str, str]:
    """Identifiers of an event that have such a shape, with the shape:

    what another issuer sent and should not.
    """
    found = {}
    for field in IDENTIFIERS:
        value = event.get(field)
        shape = shape_of(value) if isinstance(value, str) else None
        # A client is a program: its id may well be a word.
        if shape is not None and not (field == "client_id" and shape == "name"):
            found[field] = shape
    return found
