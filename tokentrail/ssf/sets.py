"""Security event tokens (RFC 8417) of OpenID SSF 1.0: CAEP and RISC events about a subject.

Signed RS256, `typ: secevent+jwt` (SSF section 4.1.6), `sub_id` in iss_sub format (RFC 9493 section 3.2.4);
neither `sub` nor `exp` is there (SSF sections 4.1.3 and 4.1.7), so that a SET can never be taken for an
access token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokentrail.tokens import jose
from tokentrail.tokens.commands import canonical
from tokentrail.tokens.keys import SigningKey

TYP = "secevent+jwt"
CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
SSF = "https://schemas.openid.net/secevent/ssf/event-type/"

SESSION_REVOKED = CAEP + "session-revoked"
CREDENTIAL_CHANGE = CAEP + "credential-change"
TOKEN_CLAIMS_CHANGE = CAEP + "token-claims-change"
ACCOUNT_DISABLED = RISC + "account-disabled"
CREDENTIAL_COMPROMISE = RISC + "credential-compromise"
VERIFICATION = SSF + "verification"
STREAM_UPDATED = SSF + "stream-updated"

OFFERED = (SESSION_REVOKED, CREDENTIAL_CHANGE, TOKEN_CLAIMS_CHANGE, ACCOUNT_DISABLED, CREDENTIAL_COMPROMISE)
"""What a receiver may ask for; verification and stream-updated are part of every stream."""

MICROS = 1_000_000


@dataclass(frozen=True)
class Signal:
    """One event about one subject; `subject` None for those about the stream itself."""

    type: str
    subject: str | None
    issuer: str
    payload: Mapping[str, Any]
    txn: str | None = None
    """The id of our event it comes from: the same for all SETs about it (RFC 8417 section 2.2)."""


def of_revocation(event: Mapping[str, Any]) -> Signal | None:
    """The CAEP session-revoked signal of a TokenRevoked event; None where no person's session ended.

    A subject's revocation ends all their sessions, a session's or family's one of them. A revoked jti or
    client says nothing about a session. CAEP section 3.1.
    """
    if event["target"] not in ("session", "family", "subject") or not event.get("subject"):
        return None
    by = {"command": "policy", "reuse": "policy", "logout": "user", "client": "user"}
    payload = {
        "event_timestamp": event["occurred_at"] // MICROS,
        "initiating_entity": by.get(event["revoked_by"], "admin"),
        "reason_admin": {"en": event["reason"]},
    }
    return Signal(SESSION_REVOKED, event["subject"], event["issuer"], payload, event["event_id"])


def of_alert(event: Mapping[str, Any], issuer: str) -> list[Signal]:
    """What a confirmed AnomalyDetected tells others: a stolen or guessed credential.

    RISC section 2.7 wants the credential's type; a password is what these detections speak of.
    """
    guessed = {"success_after_attack", "leaked_credential", "reported_by_user", "mfa_fatigue"}
    if not event.get("subject") or not guessed & set(event["detections"]):
        return []
    payload = {
        "credential_type": "password",
        "event_timestamp": event["occurred_at"] // MICROS,
        "reason_admin": "; ".join(event["reasons"])[:512],
    }
    return [Signal(CREDENTIAL_COMPROMISE, event["subject"], issuer, payload, event["event_id"])]


def account_disabled(subject: str, issuer: str, reason: str | None = None) -> Signal:
    """RISC account-disabled (section 2.3); the reason, if any, is hijacking or bulk-account."""
    return Signal(ACCOUNT_DISABLED, subject, issuer, {} if reason is None else {"reason": reason})


def credential_change(subject: str, issuer: str, credential: str, change: str) -> Signal:
    """CAEP credential-change (section 3.3): password, otp, … and create, revoke, update or delete."""
    return Signal(CREDENTIAL_CHANGE, subject, issuer, {"credential_type": credential, "change_type": change})


def verification(state: str | None) -> Signal:
    """SSF section 8.1.4.1: sent to the stream that asked, with its state."""
    return Signal(VERIFICATION, None, "", {} if state is None else {"state": state})


def encode(
    signal: Signal, *, transmitter: str, audience: str, jti: str, issued_at: int, key: SigningKey, stream_id: str
) -> str:
    """The SET as a compact JWS for one stream.

    `jti` names it for good: sent again, it is the same (RFC 8935).
    """
    subject: dict[str, Any] = (
        {"format": "opaque", "id": stream_id}
        if signal.subject is None
        else {"format": "iss_sub", "iss": signal.issuer, "sub": signal.subject}
    )
    claims: dict[str, Any] = {
        "iss": transmitter,
        "aud": audience,
        "jti": jti,
        "iat": issued_at,
        "sub_id": subject,
        "events": {signal.type: dict(signal.payload)},
    }
    if signal.txn is not None:
        claims["txn"] = signal.txn
    return jose.sign(canonical(claims), key, TYP).decode()
