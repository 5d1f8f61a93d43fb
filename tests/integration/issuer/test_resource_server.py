"""The resource server: good tokens pass, bad ones do not, and both are reported."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest

from producers.resource_server.server import ResourceServer, ResourceServerConfig
from tests.integration.issuer.conftest import AUDIENCE, Issuer, Tail, audience_pem
from tokentrail.http_server import listen, url_of
from tokentrail.tokens import keys, make_keys
from tokentrail.tokens.mint import Minter


@pytest.fixture
def records(issuer: Issuer) -> Iterator[httpx.Client]:
    listener = listen("127.0.0.1", 0)
    stop = threading.Event()
    config = ResourceServerConfig(AUDIENCE, (issuer.url,), identity="records-api", trusted_proxies="127.0.0.0/8")
    server = ResourceServer(issuer.settings, config)
    thread = threading.Thread(target=server.run, args=(listener, stop))
    thread.start()
    assert server.feed.ready.wait(15)
    with httpx.Client(base_url=url_of(listener), timeout=10) as http:
        yield http
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def show(records: httpx.Client, token: str, ip: str = "203.0.113.7") -> httpx.Response:
    return records.get("/records", headers={"authorization": f"Bearer {token}", "x-forwarded-for": ip})


def test_use_is_reported_once_for_each_network(issuer: Issuer, records: httpx.Client, tail: Tail) -> None:
    client = issuer.add_client("client_credentials")
    token = issuer.token(client, "client_credentials", scope="records.read").json()["access_token"]
    for ip in ("203.0.113.7", "203.0.113.9", "198.51.100.1"):
        assert show(records, token, ip).json()["scope"] == "records.read"
    first, second = tail.wait("TokenUsed", 2, client_id=client[0])
    assert (first["uses"], first["window_seconds"], first["success"]) == (1, 0, True)
    assert {first["source"]["ip"], second["source"]["ip"]} == {"203.0.113.7", "198.51.100.1"}
    assert (first["issuer"], first["token_issuer"]) == ("records-api", issuer.url)
    assert [first["issuer_seq"], second["issuer_seq"]] == [0, 1]


def test_refusals_are_answered_and_reported(issuer: Issuer, records: httpx.Client, tail: Tail) -> None:
    """RFC 6750 section 3.1; what a forged token claims is reported as claimed."""
    client = issuer.add_client("client_credentials")
    token = issuer.token(client, "client_credentials").json()["access_token"]
    issuer.http.post("/revoke", data={"token": token}, auth=client)
    tail.wait("Denied", target="jti")
    forger = Minter(issuer.url, keys.signing_keys(make_keys.rsa_pem())[0])
    to = keys.audience_key(make_keys.public_pem(audience_pem()))
    forged = forger.mint(AUDIENCE, to, subject="u_3kX9vQ2mZ81LpT4w", client_id="c_x", lifetime=300)
    for shown in (token, forged.token, "junk"):
        answer = show(records, shown)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert records.get("/records").status_code == 401
    counted = records.get("/metrics").text
    assert 'tokentrail_validator_refused_total{reason="revoked"} 1.0' in counted
    assert "tokentrail_denylist_ready 1.0" in counted
    assert tail.wait("TokenUsed", failure_reason="revoked")[0]["client_id"] == client[0]
    unknown = tail.wait("TokenUsed", failure_reason="unknown_key")[0]
    assert (unknown["kid"], unknown["jti"], unknown["success"]) == (forger.key.kid, forged.jti, False)
    assert tail.wait("TokenUsed", failure_reason="malformed")[0]["subject"] is None


def test_counts_follow_when_the_server_ends(issuer: Issuer, records: httpx.Client, tail: Tail) -> None:
    client = issuer.add_client("client_credentials")
    token = issuer.token(client, "client_credentials").json()["access_token"]
    for _ in range(5):
        show(records, token)
    tail.wait("TokenUsed", client_id=client[0])
    tail.settle(0.3)
    assert [e["uses"] for e in tail.of("TokenUsed", client_id=client[0])] == [1]
