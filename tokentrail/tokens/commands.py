"""Revocation commands: made and signed by whoever may command, checked by every issuer before it obeys.

The authority is the `signed` field: a compact JWS (RFC 7515, alg Ed25519 of RFC 9864) over the same fields.
The other fields of the event are there to be searched; an issuer believes only the signature.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from tokentrail import events
from tokentrail.errors import ConfigError, Refused
from tokentrail.tokens.denylist import MICROS
from tokentrail.tokens.keys import CommandKey

TYP = "tokentrail-command+jwt"
ALG = "Ed25519"
LIFETIME_SECONDS = 300
"""A command not obeyed within five minutes is not obeyed at all."""
SKEW_SECONDS = 30
TARGETS = frozenset({"jti", "session", "subject", "client", "family", "issuer"})
MAX_VALUE_CHARS = 256
MAX_REASON_CHARS = 512

_SIGNED_FIELDS = (
    "event_id",
    "occurred_at",
    "issuer",
    "audience",
    "target",
    "value",
    "reason",
    "alert_id",
    "trigger_event_id",
    "trigger_occurred_at",
    "not_after",
)
_REGISTRY = JWSRegistry(algorithms=[ALG])


class CommandRefusedError(Refused):
    """A command that must not be obeyed. `outcome`: forged, foreign, expired, future, malformed."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(f"{outcome}: {detail}")
        self.outcome = outcome


@dataclass(frozen=True)
class Order:
    """What is to be revoked, and why."""

    target: str
    value: str
    reason: str
    alert_id: str | None = None
    trigger_event_id: str | None = None
    trigger_occurred_at: int | None = None


def make_command(  # noqa: PLR0913 - one keyword for each thing a command says
    order: Order,
    *,
    commander: str,
    audience: str | None,
    key: CommandKey,
    command_id: str | None = None,
    occurred_at: int | None = None,
    subject: str | None = None,
    client_id: str | None = None,
    session_id: str | None = None,
    jti: str | None = None,
) -> dict[str, Any]:
    """A signed RevokeToken event, good for five minutes. `audience` is the issuer that must obey.

    Raises ConfigError for a target that does not exist.
    """
    if order.target not in TARGETS or not 0 < len(order.value) <= MAX_VALUE_CHARS:
        raise ConfigError(f"a command names one of {', '.join(sorted(TARGETS))} and its value")
    event = events.new_event(
        issuer=commander,
        subject=subject if subject is not None or order.target != "subject" else order.value,
        client_id=client_id if client_id is not None or order.target != "client" else order.value,
        session_id=session_id if session_id is not None or order.target != "session" else order.value,
        jti=jti if jti is not None or order.target != "jti" else order.value,
        event_id=command_id,
        occurred_at=occurred_at,
        audience=audience,
        target=order.target,
        value=order.value,
        reason=" ".join(order.reason.split())[:MAX_REASON_CHARS],
        alert_id=order.alert_id,
        trigger_event_id=order.trigger_event_id,
        trigger_occurred_at=order.trigger_occurred_at,
    )
    event["not_after"] = event["occurred_at"] + LIFETIME_SECONDS * MICROS
    event["signed"] = _sign(event, key)
    return event


def verify_command(
    event: Mapping[str, Any], *, audience: str, keys: Mapping[str, CommandKey], now: float | None = None
) -> dict[str, Any]:
    """The signed fields of a command this issuer must obey. Raises CommandRefusedError with its outcome."""
    said = _verified(str(event.get("signed") or ""), keys)
    if any(event.get(name) != said.get(name) for name in _SIGNED_FIELDS):
        raise CommandRefusedError("forged", "the event does not say what its signature says")
    if said.get("audience") != audience:
        raise CommandRefusedError("foreign", "meant for another issuer")
    _check_shape(said)
    micros = int((time.time() if now is None else now) * MICROS)
    if said["not_after"] <= micros:
        raise CommandRefusedError("expired", "past its expiry")
    if said["occurred_at"] > micros + SKEW_SECONDS * MICROS:
        raise CommandRefusedError("future", "from the future")
    if said["not_after"] - said["occurred_at"] > LIFETIME_SECONDS * MICROS:
        raise CommandRefusedError("malformed", "lives longer than five minutes")
    return said


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON without spaces, the form in which we sign."""
    return json.dumps(value, separators=(",", ":")).encode()


def _sign(event: Mapping[str, Any], key: CommandKey) -> str:
    payload = canonical({name: event[name] for name in _SIGNED_FIELDS})
    return jws.serialize_compact({"alg": ALG, "typ": TYP, "kid": key.kid}, payload, key.key, registry=_REGISTRY)


def _verified(signed: str, keys: Mapping[str, CommandKey]) -> dict[str, Any]:
    if len(signed) > 8192:
        raise CommandRefusedError("malformed", "signature too long")
    try:
        opened = jws.extract_compact(signed.encode())
        header = opened.protected
        key = keys.get(str(header.get("kid")))
        if header.keys() - {"alg", "typ", "kid"} or header.get("typ") != TYP or key is None:
            raise CommandRefusedError("forged", "not signed by a key that may command")
        if not jws.validate_compact(opened, key.key, registry=_REGISTRY):
            raise CommandRefusedError("forged", "the signature does not fit")
        said = json.loads(opened.payload)
    except (JoseError, ValueError, UnicodeError, RecursionError):
        raise CommandRefusedError("forged", "no valid signature") from None
    if not isinstance(said, dict) or said.keys() != set(_SIGNED_FIELDS):
        raise CommandRefusedError("malformed", "signed over other fields")
    return said


def _check_shape(said: Mapping[str, Any]) -> None:
    value = said["value"]
    if said["target"] not in TARGETS or not isinstance(value, str) or not 0 < len(value) <= MAX_VALUE_CHARS:
        raise CommandRefusedError("malformed", "names nothing that can be revoked")
    if not all(type(said[name]) is int for name in ("occurred_at", "not_after")):
        raise CommandRefusedError("malformed", "has no times")
    if not isinstance(said["event_id"], str) or not isinstance(said["reason"], str):
        raise CommandRefusedError("malformed", "has no id or reason")
    if not (value + said["event_id"] + said["reason"]).isprintable():
        raise CommandRefusedError("malformed", "has control characters")
