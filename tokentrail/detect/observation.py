"""What the engine scores: one observation, the same whether it came from Kafka or from a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokentrail.errors import TokentrailError

LOGIN_SUCCESS = "login_success"
LOGIN_FAILURE = "login_failure"
MFA_SUCCESS = "mfa_success"
MFA_FAILURE = "mfa_failure"
TOKEN_ISSUE = "token_issue"  # noqa: S105 - an event type
TOKEN_REFRESH = "token_refresh"  # noqa: S105
TOKEN_USE = "token_use"  # noqa: S105
TOKEN_REVOKE = "token_revoke"  # noqa: S105
TYPES = frozenset(
    (LOGIN_SUCCESS, LOGIN_FAILURE, MFA_SUCCESS, MFA_FAILURE, TOKEN_ISSUE, TOKEN_REFRESH, TOKEN_USE, TOKEN_REVOKE)
)
LATEST = 4_102_444_800.0  # the year 2100: a later time is a broken clock, not an event
MAX_TEXT = 2_048


class Unreadable(TokentrailError):
    """The record lacks what every observation needs; it is reported and skipped."""


@dataclass(slots=True)
class Observation:
    """One login, MFA or token event. Times are unix seconds, latitude and longitude degrees.

    `ts` is the stream's clock (the broker's time when live). Fields that are not known are None.
    """

    event_id: str
    type: str
    ts: float
    subject: str | None
    client_id: str | None = None
    jti: str | None = None
    ip: str | None = None
    asn: str | None = None
    country: str | None = None
    city: str | None = None
    lat: float | None = None
    lon: float | None = None
    user_agent: str | None = None
    device_id: str | None = None
    success: bool = True
    family: str | None = None
    gen: int | None = None
    iss: str | None = None
    kid: str | None = None
    scope: str | None = None
    exp: float | None = None
    iat: float | None = None
    grant: str | None = None
    sid: str | None = None
    uses: int = 1
    presented_jti: str | None = None
    revoke_target: str | None = None
    revoke_value: str | None = None
    own_command: bool = False
    known_subject: bool = True
    occurred: float | None = None
    note: str | None = None  # the issuer's own word on it: a failure reason, leaked_credential, reported_by_user


def text(value: Any) -> str | None:
    """A non-empty text of bounded length, else None; whole numbers (an ASN, an id) become text."""
    if isinstance(value, str):
        return value[:MAX_TEXT] or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def number(value: Any, low: float, high: float) -> float | None:
    """A finite number within [low, high], else None (a NaN would pass every threshold unseen)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and low <= found <= high else None


def _whole(value: Any) -> int | None:
    found = number(value, -1, 2**53)
    return int(found) if found is not None and found == int(found) else None


def from_record(record: Mapping[str, Any]) -> Observation:
    """An observation from one object of a backtest file (contract.md). Raises Unreadable."""
    if not isinstance(record, Mapping):
        raise Unreadable("not a JSON object")
    event_id, kind = text(record.get("event_id")), record.get("type")
    ts = number(record.get("ts"), 0.0, LATEST)
    if event_id is None:
        raise Unreadable("event_id is missing")
    if not isinstance(kind, str) or kind not in TYPES:
        raise Unreadable("type is missing or not one of " + ", ".join(sorted(TYPES)))
    if ts is None:
        raise Unreadable("ts is missing or not a time in unix seconds")
    get = record.get
    success = get("success")
    lat, lon = number(get("lat"), -90.0, 90.0), number(get("lon"), -180.0, 180.0)
    iat = number(get("iat"), 0.0, LATEST)
    return Observation(
        event_id=event_id, type=kind, ts=ts, subject=text(get("subject")), client_id=text(get("client_id")),
        jti=text(get("jti")), ip=text(get("ip")), asn=text(get("asn")), country=text(get("country")),
        city=text(get("city")), lat=lat if lon is not None else None, lon=lon if lat is not None else None,
        user_agent=text(get("user_agent")), device_id=text(get("device_id")),
        success=success if isinstance(success, bool) else not kind.endswith("failure"),
        family=text(get("family")), gen=_whole(get("gen")), iss=text(get("iss")), kid=text(get("kid")),
        scope=text(get("scope")), exp=number(get("exp"), 0.0, 1e11),
        iat=iat if iat is not None else (ts if kind == TOKEN_ISSUE else None),
        grant=text(get("grant")), sid=text(get("sid")),
        occurred=ts, note=text(get("note")),
    )  # fmt: skip
