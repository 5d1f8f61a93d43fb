"""The names of events, commands and topics, and how a new event begins."""

from __future__ import annotations

import os
import time
from typing import Any

EVENTS = "tokens.events"
ALERTS = "tokens.alerts"
REVOCATIONS = "tokens.revocations"
DENYLIST = "tokens.denylist"
QUARANTINE = "tokens.events.quarantine"

LOGIN_ATTEMPTED = "LoginAttempted"
MFA_ATTEMPTED = "MfaAttempted"
TOKEN_ISSUED = "TokenIssued"  # noqa: S105 - the name of an event
TOKEN_REFRESHED = "TokenRefreshed"  # noqa: S105
TOKEN_USED = "TokenUsed"  # noqa: S105
TOKEN_REVOKED = "TokenRevoked"  # noqa: S105
ANOMALY_DETECTED = "AnomalyDetected"
ALERT_REVIEWED = "AlertReviewed"
LEDGER_READ = "LedgerRead"
ISSUER_STATEMENT = "IssuerStatement"
REVOKE_TOKEN = "RevokeToken"  # noqa: S105
DENIED = "Denied"

TOPIC_TYPES: dict[str, tuple[str, ...]] = {
    EVENTS: (
        LOGIN_ATTEMPTED,
        MFA_ATTEMPTED,
        TOKEN_ISSUED,
        TOKEN_REFRESHED,
        TOKEN_USED,
        TOKEN_REVOKED,
        ALERT_REVIEWED,
        LEDGER_READ,
        ISSUER_STATEMENT,
    ),
    ALERTS: (ANOMALY_DETECTED,),
    REVOCATIONS: (REVOKE_TOKEN,),
    DENYLIST: (DENIED,),
}

Event = dict[str, Any]


def uuid7() -> str:
    """A UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then random bits."""
    random = os.urandom(10)
    value = bytearray((time.time_ns() // 1_000_000).to_bytes(6, "big") + random)
    value[6] = 0x70 | (value[6] & 0x0F)
    value[8] = 0x80 | (value[8] & 0x3F)
    h = value.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def now_micros() -> int:
    """Microseconds since the Unix epoch, UTC."""
    return time.time_ns() // 1000


def source(**known: Any) -> Event:
    """The record of where an event came from; what is not known stays null."""
    fields = ("ip", "user_agent", "device_id", "country", "city", "asn", "lat", "lon")
    unknown = known.keys() - set(fields)
    if unknown:
        raise TypeError(f"no such source field: {', '.join(sorted(unknown))}")
    return {name: known.get(name) for name in fields}


def new_event(  # noqa: PLR0913 - the common fields of the contract
    *,
    issuer: str,
    subject: str | None = None,
    client_id: str | None = None,
    session_id: str | None = None,
    jti: str | None = None,
    source: Event | None = None,
    event_id: str | None = None,
    occurred_at: int | None = None,
    **fields: Any,
) -> Event:
    """An event with the contract's common fields; the outbox relay fills in the issuer's sequence."""
    return {
        "event_id": event_id or uuid7(),
        "occurred_at": now_micros() if occurred_at is None else occurred_at,
        "issuer": issuer,
        "issuer_stream": "",
        "issuer_seq": 0,
        "subject": subject,
        "client_id": client_id,
        "session_id": session_id,
        "jti": jti,
        "source": source,
        **fields,
    }


def partition_key(event: Event) -> str | None:
    """The Kafka key of an event: all that concerns one person stays in one partition, in order."""
    return event.get("subject") or event.get("typed_name_hash") or event.get("client_id")
