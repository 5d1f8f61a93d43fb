"""The contract kit finds what is wrong, and the Keycloak adapter gives it nothing to find."""

from __future__ import annotations

from typing import Any

import pytest

from tokentrail.events import TOKEN_ISSUED, new_event, now_micros
from tokentrail.join import contract
from tokentrail.join.keycloak import Realm, translate
from tokentrail.tokens.claims import new_id
from tokentrail.tokens.commands import CommandRefusedError, verify_command

ISSUER = "https://keycloak.example/realms/clinic"
REALM = Realm(ISSUER, 300, b"k" * 32, audience="records")


def issued(**over: Any) -> dict[str, Any]:
    now = now_micros()
    fields = {
        "grant": "authorization_code",
        "scope": "records.read",
        "audience": "records",
        "kid": "k1",
        "issued_at": now,
        "expires_at": now + 300_000_000,
        "family": None,
        "gen": None,
    }
    return new_event(issuer=ISSUER, subject=new_id("u_"), client_id="app", jti=new_id(), **fields) | over


def test_a_good_event_has_no_problem() -> None:
    assert contract.event_problems(TOKEN_ISSUED, issued()) == []


@pytest.mark.parametrize(
    ("over", "problem"),
    [
        ({"subject": "jane.doe@clinic.example"}, "subject looks like email"),
        ({"subject": "123-45-6789"}, "subject looks like ssn"),
        ({"expires_at": now_micros() + 7200_000_000}, "longer than 900"),
        ({"jti": None}, "without a jti"),
        ({"event_id": "1"}, "event_id is not a UUID"),
        ({"issued_at": "now"}, "does not fit the schema"),
        ({"more": 1}, "more is not a field"),
        ({"subject": None, "client_id": None}, "whom it concerns"),
    ],
)
def test_problems_are_named(over: dict[str, Any], problem: str) -> None:
    assert problem in "; ".join(contract.event_problems(TOKEN_ISSUED, issued(**over)))


def test_a_missing_field_and_a_foreign_type() -> None:
    event = issued()
    del event["gen"]
    assert contract.event_problems(TOKEN_ISSUED, event) == ["gen is missing"]
    assert "no type of" in contract.event_problems("Nonsense", event)[0]


def test_command_cases_are_what_they_say() -> None:
    done = set()
    for case in contract.command_cases(ISSUER):
        try:
            said = verify_command(case.event, audience=ISSUER, keys=case.keys)
            obeyed = said["event_id"] not in done
            done.add(said["event_id"])
        except CommandRefusedError:
            obeyed = False
        assert obeyed == case.obey, case.name


SESSION = "5d9c2a7e-6c1f-4d0a-8f43-2d6f0e0b1c77"
USER = "0f8f9a31-21f5-4f0e-9a0e-1f6d8a0c5b11"


def keycloak(type_: str, **over: Any) -> dict[str, Any]:
    details = {"auth_method": "openid-connect", "username": "jane.doe@clinic.example", "code_id": SESSION}
    return {
        "time": 1_795_000_000_000,
        "type": type_,
        "realmId": "clinic",
        "clientId": "portal",
        "userId": USER,
        "sessionId": SESSION,
        "ipAddress": "203.0.113.7",
        "details": details | over.pop("details", {}),
    } | over


@pytest.mark.parametrize(
    ("given", "type_", "fields"),
    [
        (keycloak("LOGIN"), "LoginAttempted", {"success": True, "subject": USER}),
        (
            keycloak("LOGIN_ERROR", error="invalid_user_credentials"),
            "LoginAttempted",
            {"success": False, "failure_reason": "invalid_user_credentials", "typed_name_hash": None},
        ),
        (
            keycloak("LOGIN_ERROR", error="user_not_found", userId=None),
            "LoginAttempted",
            {"success": False, "subject": None},
        ),
        (
            keycloak("CODE_TO_TOKEN", details={"token_id": "t1-f8f9a31", "refresh_token_id": "r1"}),
            "TokenIssued",
            {"grant": "authorization_code", "family": SESSION, "gen": 0, "jti": "t1-f8f9a31"},
        ),
        (
            keycloak("CLIENT_LOGIN", details={"token_id": "t2-f8f9a31"}),
            "TokenIssued",
            {"grant": "client_credentials", "family": None},
        ),
        (
            keycloak("REFRESH_TOKEN", details={"token_id": "t3-f8f9a31"}),
            "TokenRefreshed",
            {"success": True, "family": SESSION},
        ),
        (
            keycloak(
                "REFRESH_TOKEN_ERROR",
                error="invalid_token",
                details={"reason": "Maximum allowed refresh token reuse exceeded"},
            ),
            "TokenRefreshed",
            {"success": False, "failure_reason": "reused"},
        ),
        (keycloak("LOGOUT"), "TokenRevoked", {"target": "session", "value": SESSION, "revoked_by": "logout"}),
    ],
)
def test_keycloak_events_keep_the_contract(given: dict[str, Any], type_: str, fields: dict[str, Any]) -> None:
    made = translate(REALM, given)
    assert made is not None
    name, event = made
    assert name == type_
    assert {key: event[key] for key in fields} == fields
    assert contract.event_problems(name, event) == []
    assert "jane" not in repr(event)
    assert event["occurred_at"] == 1_795_000_000_000_000
    again = translate(REALM, given)
    assert again is not None
    assert again[1]["event_id"] == event["event_id"]


def test_keycloak_events_about_other_things_are_left_out() -> None:
    assert translate(REALM, keycloak("UPDATE_PROFILE")) is None
    assert translate(REALM, {}) is None
