"""From our Kafka events to the engine's observations: the one adapter of the live stream."""

from __future__ import annotations

from typing import Any

from tokentrail import events as e
from tokentrail.codec.wire import Decoded
from tokentrail.detect import observation as o
from tokentrail.detect.observation import Observation
from tokentrail.stream import Record

MICROS = 1_000_000


def observation(decoded: Decoded, message: Record) -> Observation | None:
    """The observation of an event, or None for types that say nothing of a login or a token.

    Its clock is the broker's append time; what the issuer says of the time is only compared with it.
    """
    event = decoded.event
    kind = _kind(decoded.type, event)
    if kind is None:
        return None
    source: dict[str, Any] = event["source"] or {}
    stamp = message.timestamp()[1] / 1_000.0
    name = event["subject"]
    typed = event.get("typed_name_hash")
    uses = decoded.type == e.TOKEN_USED
    found = Observation(
        event_id=event["event_id"], type=kind, ts=stamp if stamp > 0 else event["occurred_at"] / MICROS,
        subject=name or (f"?{typed}" if typed else None), client_id=event["client_id"], jti=event["jti"],
        ip=source.get("ip"), asn=o.text(source.get("asn")), country=source.get("country"), city=source.get("city"),
        lat=source.get("lat"), lon=source.get("lon"), user_agent=source.get("user_agent"),
        device_id=source.get("device_id"), success=event.get("success", True), family=event.get("family"),
        gen=event.get("gen"), iss=event.get("token_issuer") if uses else event["issuer"], kid=event.get("kid"),
        scope=event.get("scope"), exp=_seconds(event.get("expires_at")), iat=_seconds(event.get("issued_at")),
        grant=event.get("grant"), sid=event["session_id"], uses=max(1, event.get("uses") or 1),
        presented_jti=event.get("previous_jti"), known_subject=name is not None,
        occurred=event["occurred_at"] / MICROS, note=event.get("failure_reason"),
    )  # fmt: skip
    if decoded.type == e.TOKEN_REVOKED:
        found.revoke_target, found.revoke_value = event["target"], event["value"]
        found.own_command = event["caused_by"] is not None
    return found


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / MICROS


def _kind(name: str, event: dict[str, Any]) -> str | None:
    if name == e.LOGIN_ATTEMPTED:
        return o.LOGIN_SUCCESS if event["success"] else o.LOGIN_FAILURE
    if name == e.MFA_ATTEMPTED:
        return o.MFA_SUCCESS if event["success"] else o.MFA_FAILURE
    return {
        e.TOKEN_ISSUED: o.TOKEN_ISSUE,
        e.TOKEN_REFRESHED: o.TOKEN_REFRESH,
        e.TOKEN_USED: o.TOKEN_USE,
        e.TOKEN_REVOKED: o.TOKEN_REVOKE,
    }.get(name)
