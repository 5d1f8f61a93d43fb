"""Grants over HTTP: what is answered, and what the log says about it."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from producers.issuer.passwords import TOTP_STEP_SECONDS, totp_code
from tests.integration.issuer.conftest import AUDIENCE, PASSWORD, Issuer, Tail, audience_pem
from tokentrail.tokens import keys
from tokentrail.tokens.trust import RemoteKeys
from tokentrail.tokens.validate import NothingDenied, Validator


def test_client_credentials(issuer: Issuer, tail: Tail) -> None:
    """RFC 6749 sections 4.4 and 5.1; the token is what RFC 9068 says; TokenIssued tells of it."""
    client = issuer.add_client("client_credentials")
    answer = issuer.token(client, "client_credentials", scope="records.read")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert 0 < body["expires_in"] <= 300
    assert "refresh_token" not in body
    validator = Validator(
        AUDIENCE,
        keys.decryption_keys(audience_pem()),
        {issuer.url: RemoteKeys(f"{issuer.url}/jwks.json")},
        NothingDenied(),
    )
    claims = validator.validate(body["access_token"]).claims
    assert claims["sub"] == claims["client_id"] == client[0]
    assert claims["scope"] == "records.read"
    event = tail.wait("TokenIssued", jti=claims["jti"])[0]
    assert event["grant"] == "client_credentials"
    assert event["expires_at"] - event["issued_at"] == 300_000_000
    assert (event["issuer"], event["family"], event["gen"]) == (issuer.url, None, None)


@pytest.mark.parametrize(
    ("form", "error", "status"),
    [
        ({"scope": "records.read"}, "invalid_request", 400),
        ({"grant_type": "urn:none"}, "unsupported_grant_type", 400),
        ({"grant_type": "password", "username": "x", "password": "y"}, "unauthorized_client", 400),
        ({"grant_type": "client_credentials", "scope": "admin"}, "invalid_scope", 400),
        ({"grant_type": "client_credentials", "resource": "elsewhere"}, "invalid_target", 400),
        ({"grant_type": "client_credentials", "scope": "a\x00"}, "invalid_request", 400),
    ],
)
def test_bad_requests_are_answered_in_oauth_terms(
    issuer: Issuer, form: dict[str, str], error: str, status: int
) -> None:
    """RFC 6749 section 5.2 and RFC 8707 section 2."""
    answer = issuer.http.post("/token", data=form, auth=issuer.add_client("client_credentials"))
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_odd_bodies(issuer: Issuer) -> None:
    client = issuer.add_client("client_credentials")
    post = issuer.http.post
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert post("/token", json={"grant_type": "client_credentials"}, auth=client).status_code == 415
    twice = b"grant_type=client_credentials&grant_type=client_credentials"
    assert post("/token", content=twice, headers=form, auth=client).status_code == 400
    assert post("/token", content=b"\xff\xfe=%ff", headers=form, auth=client).status_code == 400
    assert post("/token", content=b"a=" + b"x" * 70_000, headers=form, auth=client).status_code == 413
    assert post("/token", content=b"&".join([b"a=1"] * 60), headers=form, auth=client).status_code == 400


def test_client_authentication(issuer: Issuer, tail: Tail) -> None:
    """RFC 6749 section 2.3.1: Basic or body, not both; every refusal looks the same and is recorded."""
    client_id, secret = issuer.add_client("client_credentials")
    grant = {"grant_type": "client_credentials"}
    post = issuer.http.post
    assert post("/token", data={**grant, "client_id": client_id, "client_secret": secret}).status_code == 200
    refused = [
        post("/token", data=grant, auth=(client_id, "wrong")),
        post("/token", data=grant, auth=("c_nobody", secret)),
        post("/token", data={**grant, "client_id": client_id}),
        post("/token", data=grant),
        post("/token", data=grant, headers={"authorization": "Basic !!!"}),
        post("/token", data=grant, auth=("c%00", "x")),
        post("/token", data=grant, headers={"authorization": "Bearer x"}),
    ]
    for answer in refused:
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")
    both = post("/token", data={**grant, "client_secret": secret}, auth=(client_id, secret))
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    assert tail.wait("LoginAttempted", client_id=client_id, success=False)
    unknown = tail.wait("LoginAttempted", client_id=None, success=False)[0]
    assert unknown["typed_name_hash"].startswith("n_")


def test_a_login_and_its_events(issuer: Issuer, tail: Tail) -> None:
    client = issuer.add_client("password", "refresh_token")
    person = issuer.add_person("Alice")
    headers = {
        "x-forwarded-for": "198.51.100.9, 203.0.113.7, 127.0.0.1",
        "cloudfront-viewer-country": "DE",
        "cloudfront-viewer-city": "K%C3%B6ln",
        "cloudfront-viewer-latitude": "50.9",
        "cloudfront-viewer-longitude": "6.9",
        "cloudfront-viewer-asn": "3320",
        "x-device-id": "device-1",
        "user-agent": "Mozilla/5.0",
    }
    form = {"grant_type": "password", "username": "alice", "password": PASSWORD}
    answer = issuer.http.post("/token", data=form, auth=client, headers=headers)
    assert answer.status_code == 200
    login = tail.wait("LoginAttempted", subject=person.subject)[0]
    issued = tail.wait("TokenIssued", subject=person.subject)[0]
    assert (login["success"], login["method"]) == (True, "password")
    assert login["session_id"] == issued["session_id"]
    assert (issued["gen"], issued["grant"]) == (0, "password")
    source = login["source"]
    assert (source["ip"], source["country"], source["asn"]) == ("203.0.113.7", "DE", 3320)
    assert source["city"] == "Köln"
    assert (source["lat"], source["lon"], source["device_id"]) == (50.9, 6.9, "device-1")
    seen = issuer.introspect(client, answer.json()["access_token"])
    assert (seen["active"], seen["sub"], seen["aud"]) == (True, person.subject, AUDIENCE)


def test_failed_logins_tell_nothing_apart(issuer: Issuer, tail: Tail) -> None:
    """The answer is the same for a wrong password and an unknown name; only the log knows, and not the name."""
    client = issuer.add_client("password")
    person = issuer.add_person("bob")
    wrong, unknown = issuer.login(client, "bob", "no"), issuer.login(client, "MRN-0012345", "no")
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.json() == unknown.json()
    known = tail.wait("LoginAttempted", subject=person.subject)[0]
    assert (known["success"], known["failure_reason"], known["typed_name_hash"]) == (False, "wrong_password", None)
    other = tail.wait("LoginAttempted", failure_reason="unknown_name")[0]
    assert other["subject"] is None
    assert "MRN" not in json.dumps(other)
    assert other["typed_name_hash"].startswith("n_")


def test_second_factor(issuer: Issuer, tail: Tail) -> None:
    """RFC 6238: a code is needed, a wrong one is recorded, a good one works once."""
    client = issuer.add_client("password")
    person = issuer.add_person("carol", totp=True)
    secret = base64.b32decode(person.totp_secret or "")
    assert issuer.login(client, "carol").json()["error"] == "mfa_required"
    assert issuer.login(client, "carol", otp="000000x").status_code == 400
    assert tail.wait("MfaAttempted", subject=person.subject, success=False)
    code = totp_code(secret, int(time.time() // TOTP_STEP_SECONDS))
    assert issuer.login(client, "carol", otp=code).status_code == 200
    assert issuer.login(client, "carol", otp=code).status_code == 400
    assert tail.wait("MfaAttempted", subject=person.subject, success=True)


def test_refresh_rotates_and_narrows(issuer: Issuer, tail: Tail) -> None:
    """RFC 6749 section 6: the scope may shrink, never grow."""
    client = issuer.add_client("password", "refresh_token")
    issuer.add_person("dora")
    first = issuer.login(client, "dora", scope="records.read").json()
    second = issuer.token(client, "refresh_token", refresh_token=first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    third = issuer.token(
        client, "refresh_token", refresh_token=second["refresh_token"], scope="records.read records.write"
    )
    assert third.json()["error"] == "invalid_scope"
    events = tail.wait("TokenRefreshed", 2)
    assert [(e["success"], e["gen"], e["failure_reason"]) for e in events] == [
        (True, 0, None),
        (False, 1, "invalid_scope"),
    ]
    issued = tail.wait("TokenIssued")[0]
    assert events[0]["previous_jti"] == issued["jti"]
    assert events[0]["family"] == issued["family"]


def test_a_lost_answer_is_repeated(issuer: Issuer) -> None:
    """Within the retry window the same token comes back, however many requests race:

    one refresh token lives.
    """
    client = issuer.add_client("password", "refresh_token")
    issuer.add_person("erin")
    first = issuer.login(client, "erin").json()["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: issuer.token(client, "refresh_token", refresh_token=first), range(16)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.json()["refresh_token"] for a in answers}) == 1
    successor = answers[0].json()["refresh_token"]
    assert issuer.introspect(client, successor)["active"]
    assert not issuer.introspect(client, first)["active"]


def test_reuse_revokes_the_family(issuer: Issuer, tail: Tail) -> None:
    """RFC 9700 section 4.14.2: the issuer cannot tell thief from owner, so both lose."""
    client = issuer.add_client("password", "refresh_token")
    person = issuer.add_person("frank")
    first = issuer.login(client, "frank").json()
    second = issuer.token(client, "refresh_token", refresh_token=first["refresh_token"]).json()
    third = issuer.token(client, "refresh_token", refresh_token=second["refresh_token"]).json()
    again = issuer.token(client, "refresh_token", refresh_token=first["refresh_token"])
    assert again.json()["error"] == "invalid_grant"
    for alive in (third["refresh_token"], third["access_token"], second["access_token"]):
        assert issuer.introspect(client, alive) == {"active": False}
    newest = issuer.token(client, "refresh_token", refresh_token=third["refresh_token"])
    assert newest.json()["error"] == "invalid_grant"
    reused = tail.wait("TokenRefreshed", failure_reason="reused")[0]
    assert (reused["gen"], reused["subject"]) == (0, person.subject)
    revoked = tail.wait("TokenRevoked", revoked_by="reuse")[0]
    assert (revoked["target"], revoked["value"]) == ("family", reused["family"])
    denied = tail.wait("Denied", 4)
    assert {d["target"] for d in denied} == {"family", "jti"}
    assert tail.wait("TokenRefreshed", failure_reason="revoked")
    assert issuer.login(client, "frank").status_code == 200


def test_after_the_window_a_used_token_is_reuse(issuer: Issuer) -> None:
    client = issuer.add_client("password", "refresh_token")
    issuer.add_person("gina")
    first = issuer.login(client, "gina").json()["refresh_token"]
    successor = issuer.token(client, "refresh_token", refresh_token=first).json()["refresh_token"]
    time.sleep(issuer.own.refresh_retry_seconds + 0.2)
    assert issuer.token(client, "refresh_token", refresh_token=first).status_code == 400
    assert not issuer.introspect(client, successor)["active"]


def test_a_client_revokes_its_own_tokens_only(issuer: Issuer, tail: Tail) -> None:
    """RFC 7009 sections 2.1 and 2.2."""
    client, other = issuer.add_client("client_credentials"), issuer.add_client("client_credentials")
    token = issuer.token(client, "client_credentials").json()["access_token"]
    revoke = {"url": "/revoke", "data": {"token": token}}
    assert issuer.http.post(**revoke, auth=other).status_code == 200
    assert issuer.introspect(client, token)["active"]
    assert issuer.introspect(other, token) == {"active": False}  # RFC 7662 section 4
    assert issuer.http.post(**revoke, auth=client).status_code == 200
    assert issuer.http.post(**revoke, auth=client).status_code == 200
    assert issuer.introspect(client, token) == {"active": False}
    tail.wait("TokenRevoked", revoked_by="client")
    tail.settle(0.5)
    assert len(tail.of("TokenRevoked")) == 1


def test_metadata_keys_and_health(issuer: Issuer) -> None:
    """RFC 8414 section 3 and RFC 7517:

    the issuer is the URL it was asked under, keys are public and cacheable.
    """
    described = issuer.http.get("/.well-known/oauth-authorization-server").json()
    assert described["issuer"] == issuer.url
    answer = issuer.http.get(described["jwks_uri"])
    assert "max-age" in answer.headers["cache-control"]
    assert all("d" not in key and key["alg"] == "RS256" for key in answer.json()["keys"])
    assert issuer.http.get("/health").json() == {"status": "ok"}
    issuer.token(issuer.add_client("client_credentials"), "client_credentials")
    assert 'tokentrail_issuer_grants_total{grant="client_credentials"} 1.0' in issuer.http.get("/metrics").text
