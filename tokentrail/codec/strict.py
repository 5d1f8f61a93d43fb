"""What a decoded event must satisfy beyond its schema, so that nothing odd reaches the ledger."""

from __future__ import annotations

import math
import re
from typing import Any

MAX_VALUE_BYTES = 64 * 1024
MAX_ID_CHARS = 255
# 9999-12-31T23:59:59.999999Z, the last moment that every part of the pipeline can represent.
MAX_MICROS = 253_402_300_799_999_999
UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
IDS = ("issuer", "issuer_stream", "subject", "client_id", "session_id", "jti")
TIMES = ("occurred_at", "issued_at", "expires_at", "trigger_occurred_at", "not_after", "revoked_at", "until")


class Undecodable(Exception):
    """A record that must go to quarantine; the message is the reason, free of the record's own text."""


def check(event: dict[str, Any]) -> None:
    """Raise Undecodable if an identifier, time or number of the event is out of bounds."""
    if UUID_TEXT.match(event.get("event_id", "")) is None:
        raise Undecodable("event_id is not a UUID in lower case")
    for name in IDS:
        value = event.get(name)
        if value and (len(value) > MAX_ID_CHARS or not value.isprintable()):
            raise Undecodable(f"{name} is over {MAX_ID_CHARS} characters or has control characters")
    for name in TIMES:
        value = event.get(name)
        if value is not None and not 0 <= value <= MAX_MICROS:
            raise Undecodable(f"{name} is outside 1970 to 9999")
    if not 0 <= event["issuer_seq"] < 1 << 62:
        raise Undecodable("issuer_seq is negative or absurd")
    source = event.get("source")
    if source:
        _check_source(source)
    score = event.get("score")
    if score is not None and not 0.0 <= score <= 1.0:
        raise Undecodable("score is not between 0 and 1")


def _check_source(source: dict[str, Any]) -> None:
    for name, bound in (("lat", 90.0), ("lon", 180.0)):
        value = source.get(name)
        # A NaN never compares, so it would pass every threshold of the scorer in silence.
        if value is not None and (math.isnan(value) or not -bound <= value <= bound):
            raise Undecodable(f"{name} is not a coordinate")
    asn = source.get("asn")
    if asn is not None and not 0 <= asn < 1 << 32:
        raise Undecodable("asn is out of range")
