"""Clients that sign: private_key_jwt (RFC 7523) and DPoP (RFC 9449)."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from tests.integration.issuer.conftest import Issuer
from tokentrail.tokens import keys, make_keys

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def sign(header: dict[str, Any], claims: dict[str, Any], key: RSAKey | ECKey) -> str:
    return jws.serialize_compact(header, json.dumps(claims).encode(), key, algorithms=[header["alg"]])


class Asserting:
    """A client that signs its assertions."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.key = keys.signing_keys(make_keys.rsa_pem())[0]
        self.id, _ = issuer.add_client("client_credentials", jwks=keys.jwks([self.key]))

    def assertion(self, **over: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.id,
            "sub": self.id,
            "aud": self.issuer.url,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
        } | over
        return sign({"alg": "RS256", "kid": self.key.kid}, claims, self.key.key)

    def token(self, assertion: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": TYPE,
            "client_assertion": assertion,
        }
        return self.issuer.http.post("/token", data=form)


def test_private_key_jwt(issuer: Issuer) -> None:
    """RFC 7523 section 3: iss and sub are the client, aud is us, exp is near, the jti works once."""
    client = Asserting(issuer)
    good = client.assertion()
    assert client.token(good).status_code == 200
    assert client.token(good).json()["error"] == "invalid_client"
    assert client.token(client.assertion(aud=f"{issuer.url}/token")).status_code == 200
    now = int(time.time())
    for over in (
        {"aud": "https://elsewhere.example"},
        {"aud": [issuer.url, "https://elsewhere.example"]},
        {"exp": now - 60},
        {"exp": now + 3600},
        {"iss": "other"},
        {"sub": "c_nobody"},
        {"jti": None},
        {"exp": None},
    ):
        answer = client.token(client.assertion(**over))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), over
    stranger = keys.signing_keys(make_keys.rsa_pem())[0]
    client.key = keys.SigningKey(client.key.kid, stranger.key)
    assert client.token(client.assertion()).status_code == 401
    for junk in ("junk", "a.b.c", "..", "é"):
        assert client.token(junk).status_code == 401


def test_no_secret_where_a_key_is_registered(issuer: Issuer) -> None:
    client = Asserting(issuer)
    answer = issuer.http.post("/token", data={"grant_type": "client_credentials"}, auth=(client.id, ""))
    assert answer.status_code == 401


class Prover:
    """A key that proves its possession."""

    def __init__(self, issuer: Issuer) -> None:
        self.url = f"{issuer.url}/token"
        self.key = ECKey.generate_key("P-256")

    def proof(self, typ: str = "dpop+jwt", **over: Any) -> str:
        claims = {"htm": "POST", "htu": self.url, "iat": int(time.time()), "jti": secrets.token_urlsafe(16)} | over
        header = {"alg": "ES256", "typ": typ, "jwk": self.key.as_dict(private=False)}
        return sign(header, claims, self.key)

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()


def post(issuer: Issuer, client: tuple[str, str], proof: str | list[str] | None, **form: str) -> httpx.Response:
    proofs = [] if proof is None else [proof] if isinstance(proof, str) else proof
    data = {"grant_type": "client_credentials"} | form
    auth: Any = client if client[1] else None
    if not client[1]:
        data["client_id"] = client[0]
    return issuer.http.post("/token", data=data, auth=auth, headers=[("dpop", p) for p in proofs])


def test_dpop_binds_the_token(issuer: Issuer) -> None:
    """RFC 9449 sections 5 and 6: the answer says DPoP, the token carries the key's thumbprint."""
    client = issuer.add_client("client_credentials", require_dpop=True)
    prover = Prover(issuer)
    answer = post(issuer, client, prover.proof())
    assert answer.json()["token_type"] == "DPoP"
    seen = issuer.introspect(client, answer.json()["access_token"])
    assert (seen["cnf"], seen["token_type"]) == ({"jkt": prover.jkt}, "DPoP")
    assert post(issuer, client, None).json()["error"] == "invalid_dpop_proof"


def test_bad_proofs_are_refused(issuer: Issuer) -> None:
    """RFC 9449 section 4.3, each step."""
    client = issuer.add_client("client_credentials")
    prover = Prover(issuer)
    used = prover.proof()
    assert post(issuer, client, used).status_code == 200
    private = sign(
        {"alg": "ES256", "typ": "dpop+jwt", "jwk": prover.key.as_dict(private=True)}, {"htm": "POST"}, prover.key
    )
    bad: list[str | list[str]] = [
        used,
        [prover.proof(), prover.proof()],
        prover.proof(typ="JWT"),
        prover.proof(htm="GET"),
        prover.proof(htu="https://elsewhere.example/token"),
        prover.proof(iat=int(time.time()) - 120),
        prover.proof(iat=int(time.time()) + 120),
        prover.proof(iat="now"),
        prover.proof(jti=None),
        private,
        used[:-4] + "AAAA",
        "junk",
    ]
    for one in bad:
        answer = post(issuer, client, one)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert post(issuer, client, prover.proof(htu=f"{prover.url}?x=1#y")).status_code == 200


@pytest.mark.parametrize("public", [True, False])
def test_refresh_tokens_of_public_clients_are_bound(issuer: Issuer, public: bool) -> None:
    """RFC 9449 section 5: a confidential client's refresh token is bound by its authentication instead."""
    client = issuer.add_client("password", "refresh_token", public=public)
    issuer.add_person("alice")
    prover, thief = Prover(issuer), Prover(issuer)
    form = {"grant_type": "password", "username": "alice", "password": "correct horse 1"}
    first = post(issuer, client, prover.proof(), **form).json()
    renew = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    stolen = post(issuer, client, thief.proof(), **renew)
    assert stolen.status_code == (400 if public else 200)
    if public:
        assert post(issuer, client, None, **renew).status_code == 400
        assert post(issuer, client, prover.proof(), **renew).status_code == 200
