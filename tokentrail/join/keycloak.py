"""Keycloak's user events (the JSON of its event listeners and admin API) as events of ours.

Names of types and details are those of org.keycloak.events.EventType and Details. Names and e-mail addresses
in the details are left behind; a name that nobody has becomes a keyed hash.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tokentrail import events
from tokentrail.events import Event

_NAMESPACE = uuid.UUID("6f1c2f0e-6f0b-5f43-9b6e-6d8f0a1c9d11")
MICROS_PER_MILLI = 1000
MICROS = 1_000_000


@dataclass(frozen=True)
class Realm:
    """What Keycloak's events do not say:

    who the issuer is, how long its tokens live, the key for unknown names.
    """

    issuer: str
    access_token_seconds: int
    name_key: bytes
    audience: str | None = None


def translate(realm: Realm, given: Mapping[str, Any]) -> tuple[str, Event] | None:
    """(type, event) for one Keycloak event, or None for a type that tells nothing about tokens.

    The event id is derived from the event, so translating it twice gives the same one.
    """
    made = _BY_TYPE.get(str(given.get("type")))
    if made is None:
        return None
    type_, fields = made(realm, given)
    details = _details(given)
    event = events.new_event(
        issuer=realm.issuer,
        event_id=_event_id(given),
        occurred_at=_time(given),
        subject=given.get("userId"),
        client_id=given.get("clientId"),
        session_id=given.get("sessionId"),
        jti=details.get("token_id"),
        source=events.source(ip=given.get("ipAddress")),
    )
    return type_, event | fields


def _login(realm: Realm, given: Mapping[str, Any]) -> tuple[str, Event]:
    """LOGIN and LOGIN_ERROR."""
    error = given.get("error")
    details = _details(given)
    typed = details.get("username") if error and not given.get("userId") else None
    return events.LOGIN_ATTEMPTED, {
        "jti": None,
        "success": error is None,
        "method": details.get("auth_method") or "password",
        "failure_reason": error,
        "typed_name_hash": _name_hash(realm, typed) if typed else None,
    }


def _issued(grant: str) -> Callable[[Realm, Mapping[str, Any]], tuple[str, Event]]:
    def made(realm: Realm, given: Mapping[str, Any]) -> tuple[str, Event]:
        refreshable = "refresh_token_id" in _details(given)
        return events.TOKEN_ISSUED, {
            "grant": grant,
            "family": given.get("sessionId") if refreshable else None,
            "gen": 0 if refreshable else None,
            **_token(realm, given),
        }

    return made


def _refreshed(realm: Realm, given: Mapping[str, Any]) -> tuple[str, Event]:
    """REFRESH_TOKEN and REFRESH_TOKEN_ERROR; Keycloak counts no generations, so `gen` stays null."""
    error = given.get("error")
    reason = _details(given).get("reason", "").lower()
    reused = error is not None and ("reuse" in reason or "stale token" in reason)
    token = _token(realm, given)
    if error is not None:
        token |= {"issued_at": None, "expires_at": None}
    return events.TOKEN_REFRESHED, {
        "success": error is None,
        "failure_reason": "reused" if reused else error,
        "family": given.get("sessionId"),
        "gen": None,
        "previous_jti": None,
        **token,
    }


def _logged_out(_realm: Realm, given: Mapping[str, Any]) -> tuple[str, Event]:
    return events.TOKEN_REVOKED, {
        "target": "session",
        "value": given.get("sessionId") or "",
        "reason": "logout",
        "revoked_by": "logout",
        "caused_by": None,
    }


_BY_TYPE: dict[str, Callable[[Realm, Mapping[str, Any]], tuple[str, Event]]] = {
    "LOGIN": _login,
    "LOGIN_ERROR": _login,
    "CODE_TO_TOKEN": _issued("authorization_code"),
    "CLIENT_LOGIN": _issued("client_credentials"),
    "TOKEN_EXCHANGE": _issued("urn:ietf:params:oauth:grant-type:token-exchange"),
    "REFRESH_TOKEN": _refreshed,
    "REFRESH_TOKEN_ERROR": _refreshed,
    "LOGOUT": _logged_out,
}


def _token(realm: Realm, given: Mapping[str, Any]) -> Event:
    issued = _time(given)
    return {
        "scope": _details(given).get("scope"),
        "audience": realm.audience,
        "kid": None,
        "issued_at": issued,
        "expires_at": issued + realm.access_token_seconds * MICROS,
    }


def _details(given: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in (given.get("details") or {}).items()}


def _time(given: Mapping[str, Any]) -> int:
    """Keycloak counts milliseconds."""
    return int(given["time"]) * MICROS_PER_MILLI


def _event_id(given: Mapping[str, Any]) -> str:
    known = [given.get(n) for n in ("id", "realmId", "time", "type", "userId", "clientId", "sessionId", "error")]
    details = _details(given)
    return str(uuid.uuid5(_NAMESPACE, repr([*known, details.get("token_id"), details.get("code_id")])))


def _name_hash(realm: Realm, name: str) -> str:
    return "n_" + hmac.digest(realm.name_key, name.casefold().encode(), "sha256").hex()[:32]
