"""SETs as RFC 8417 and OpenID SSF 1.0 want them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tokentrail.events import new_event
from tokentrail.ssf import sets
from tokentrail.tokens import jose, keys, make_keys

ISSUER = "https://issuer.example"
SUBJECT = "u_3kX9vQ2mZ81LpT4w"


@pytest.fixture(scope="module")
def key() -> keys.SigningKey:
    return keys.signing_keys(make_keys.rsa_pem())[0]


def revoked(target: str, by: str = "command", **over: Any) -> dict[str, Any]:
    fields = {"target": target, "value": "s_1", "reason": "token used twice", "revoked_by": by, "caused_by": None}
    return new_event(issuer=ISSUER, subject=SUBJECT, session_id="s_1", **fields) | over


def opened(signal: sets.Signal, key: keys.SigningKey) -> tuple[dict[str, Any], dict[str, Any]]:
    compact = sets.encode(
        signal,
        transmitter="https://ssf.example",
        audience="https://receiver.example",
        jti="j" * 22,
        issued_at=1_795_000_000,
        key=key,
        stream_id="stream-1",
    )
    payload = jose.verified_payload(compact.encode(), key)
    assert payload is not None
    header = compact.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "==")), json.loads(payload)


def test_session_revoked(key: keys.SigningKey) -> None:
    """CAEP 1.0 section 3.1; SSF 1.0 sections 4.1.3 (sub_id, no sub), 4.1.6 (typ) and 4.1.7 (no exp)."""
    event = revoked("session")
    signal = sets.of_revocation(event)
    assert signal is not None
    header, claims = opened(signal, key)
    assert (header["typ"], header["alg"], header["kid"]) == ("secevent+jwt", "RS256", key.kid)
    assert claims["sub_id"] == {"format": "iss_sub", "iss": ISSUER, "sub": SUBJECT}
    assert not {"sub", "exp"} & claims.keys()
    assert claims["txn"] == event["event_id"]
    (type_, payload), *others = claims["events"].items()
    assert not others  # CAEP interoperability profile: one event a SET
    assert type_ == "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
    assert payload["initiating_entity"] == "policy"
    assert payload["reason_admin"] == {"en": "token used twice"}
    assert payload["event_timestamp"] == event["occurred_at"] // 1_000_000


@pytest.mark.parametrize(("by", "entity"), [("logout", "user"), ("operator", "admin"), ("reuse", "policy")])
def test_who_began_it(by: str, entity: str) -> None:
    signal = sets.of_revocation(revoked("subject", by))
    assert signal is not None
    assert signal.payload["initiating_entity"] == entity


@pytest.mark.parametrize("target", ["jti", "client", "issuer"])
def test_what_ends_no_session_is_no_signal(target: str) -> None:
    assert sets.of_revocation(revoked(target)) is None
    assert sets.of_revocation(revoked("session", subject=None)) is None


def test_credential_compromise() -> None:
    """RISC section 2.7: credential_type is required."""
    alert = {"event_id": "e", "occurred_at": 5_000_000, "subject": SUBJECT, "reasons": ["guessed"], "detections": []}
    assert sets.of_alert(alert, ISSUER) == []
    (signal,) = sets.of_alert(alert | {"detections": ["success_after_attack"]}, ISSUER)
    assert signal.type == sets.CREDENTIAL_COMPROMISE
    assert signal.payload["credential_type"] == "password"


def test_verification_names_the_stream(key: keys.SigningKey) -> None:
    """SSF section 8.1.4.1: the subject of a verification is the stream, its state comes back."""
    _, claims = opened(sets.verification("abc"), key)
    assert claims["sub_id"] == {"format": "opaque", "id": "stream-1"}
    assert claims["events"] == {sets.VERIFICATION: {"state": "abc"}}


def test_required_members() -> None:
    """CAEP section 3.3 and RISC section 2.3."""
    changed = sets.credential_change(SUBJECT, ISSUER, "password", "update")
    assert changed.payload == {"credential_type": "password", "change_type": "update"}
    assert sets.account_disabled(SUBJECT, ISSUER, "hijacking").payload == {"reason": "hijacking"}
