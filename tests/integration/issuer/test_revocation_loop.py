"""A command is obeyed once, acknowledged, and reaches every validator; a bad one is refused and recorded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from producers.commander import Commander
from tests.integration.issuer.conftest import AUDIENCE, Issuer, Tail, audience_pem
from tokentrail.codec import Codec
from tokentrail.db import connect
from tokentrail.events import REVOCATIONS, REVOKE_TOKEN
from tokentrail.join.publisher import DirectPublisher
from tokentrail.tokens import keys, make_keys
from tokentrail.tokens.commands import Order, make_command
from tokentrail.tokens.denylist_feed import DenyListFeed, StalePolicy
from tokentrail.tokens.refusal import NotReadyError, RevokedTokenError
from tokentrail.tokens.trust import RemoteKeys
from tokentrail.tokens.validate import Validator


@pytest.fixture
def publisher(issuer: Issuer) -> Iterator[DirectPublisher]:
    made = DirectPublisher(issuer.settings, Codec(issuer.settings.require("schema_registry_url")), "test-scorer")
    yield made
    made.flush()


@pytest.fixture
def feed(issuer: Issuer) -> Iterator[DenyListFeed]:
    made = DenyListFeed(issuer.settings, Codec(issuer.settings.require("schema_registry_url")))
    made.start()
    assert made.ready.wait(15)
    yield made
    made.stop()


def validator(issuer: Issuer, feed: DenyListFeed) -> Validator:
    trusted = {issuer.url: RemoteKeys(f"{issuer.url}/jwks.json")}
    return Validator(AUDIENCE, keys.decryption_keys(audience_pem()), trusted, feed)


def command(issuer: Issuer, order: Order, **over: Any) -> dict[str, Any]:
    given = {"commander": "test-scorer", "audience": issuer.url}
    key = keys.command_key(issuer.settings.require("command_key"))
    return make_command(order, key=over.pop("key", key), **(given | over))


def send(publisher: DirectPublisher, event: dict[str, Any]) -> str:
    publisher.publish(REVOCATIONS, REVOKE_TOKEN, event, event["audience"])
    publisher.flush()
    return str(event["event_id"])


def outcomes(issuer: Issuer, command_id: str, want: set[str]) -> dict[str, int]:
    """How often a command came with which outcome, once all of `want` are there."""
    deadline = time.monotonic() + 10
    while True:
        with connect(issuer.settings, "issuer") as conn:
            rows = conn.execute(
                "select outcome, times from issuer.command where command_id = %s", (command_id,)
            ).fetchall()
        if want <= {row[0] for row in rows}:
            return dict(rows)
        assert time.monotonic() < deadline, f"{rows} instead of {want}"
        time.sleep(0.02)


def refused_within(checker: Validator, token: str, seconds: float = 5.0) -> float:
    """Seconds until the token is refused as revoked."""
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        try:
            checker.validate(token)
        except RevokedTokenError:
            return time.perf_counter() - started
        time.sleep(0.001)
    pytest.fail("the token is still accepted")


@pytest.mark.parametrize("target", ["jti", "session", "subject", "client", "family", "issuer"])
def test_a_command_kills_what_it_names(issuer: Issuer, feed: DenyListFeed, tail: Tail, target: str) -> None:
    client = issuer.add_client("password", "refresh_token")
    person = issuer.add_person("alice")
    granted = issuer.login(client, "alice").json()
    checker = validator(issuer, feed)
    claims = checker.validate(granted["access_token"]).claims
    with connect(issuer.settings, "issuer") as conn:
        family = str(conn.execute("select family from issuer.refresh_token").fetchone()[0])  # type: ignore[index]
    value = {
        "jti": claims["jti"],
        "session": claims["sid"],
        "subject": person.subject,
        "client": client[0],
        "family": family,
        "issuer": issuer.url,
    }[target]
    commander = Commander(issuer.settings, issuer.url)
    sent = commander.send(Order(target, value, "test"), listen=True)
    assert commander.wait_for(sent, 10)
    commander.close()
    assert refused_within(checker, granted["access_token"]) < 5
    assert issuer.introspect(client, granted["access_token"]) == {"active": False}
    renewed = issuer.token(client, "refresh_token", refresh_token=granted["refresh_token"])
    assert renewed.status_code == (200 if target == "jti" else 400)
    acknowledged = tail.wait("TokenRevoked", caused_by=sent)
    assert (acknowledged[0]["target"], acknowledged[0]["value"]) == (target, value)
    assert acknowledged[0]["revoked_by"] == "command"
    if target not in ("client", "issuer"):
        assert acknowledged[0]["subject"] == person.subject
    assert issuer.login(client, "alice").status_code == 200


def test_a_command_is_obeyed_once(issuer: Issuer, publisher: DirectPublisher, tail: Tail) -> None:
    """Sent again, whole or after another, it changes nothing: one acknowledgement (faults.md I6, A7)."""
    event = command(issuer, Order("subject", "u_3kX9vQ2mZ81LpT4w", "test"))
    for _ in range(3):
        sent = send(publisher, dict(event))
    assert outcomes(issuer, sent, {"applied", "replayed"}) == {"applied": 1, "replayed": 2}
    tail.wait("TokenRevoked", caused_by=sent)
    tail.settle(0.5)
    assert len(tail.of("TokenRevoked", caused_by=sent)) == 1


def test_bad_commands_are_refused_and_recorded(issuer: Issuer, publisher: DirectPublisher, tail: Tail) -> None:
    """Forged, foreign and expired commands do nothing and leave their record (faults.md A1, A7, A8)."""
    order = Order("client", "c_victim", "test")
    stranger = keys.command_key(make_keys.ed25519_pem())
    bad = {
        "forged": command(issuer, order, key=stranger),
        "foreign": command(issuer, order, audience="https://elsewhere.example"),
        "expired": command(issuer, order, occurred_at=1_600_000_000_000_000),
        "future": command(issuer, order, occurred_at=(int(time.time()) + 3600) * 1_000_000),
    }
    changed = command(issuer, order)
    changed["value"] = "c_another"
    for outcome, event in [*bad.items(), ("forged", changed)]:
        assert outcomes(issuer, send(publisher, event), {outcome}) == {outcome: 1}
    publisher._producer.produce(REVOCATIONS, value=b"\x00\x00\x00\x00\x01junk")
    good = send(publisher, command(issuer, Order("jti", "x" * 22, "test")))
    outcomes(issuer, good, {"applied"})
    tail.wait("TokenRevoked", caused_by=good)
    assert len(tail.of("TokenRevoked")) == 1
    with connect(issuer.settings, "issuer") as conn:
        assert conn.execute("select 1 from issuer.cutoff where value like 'c_%'").fetchone() is None


def test_a_validator_is_ready_only_with_the_whole_list(issuer: Issuer, tail: Tail) -> None:
    """A list restored from the compacted topic knows what was denied before the validator started."""
    client = issuer.add_client("client_credentials")
    token = issuer.token(client, "client_credentials").json()["access_token"]
    issuer.http.post("/revoke", data={"token": token}, auth=client)
    tail.wait("Denied", target="jti")
    late = DenyListFeed(issuer.settings, Codec(issuer.settings.require("schema_registry_url")))
    with pytest.raises(NotReadyError):
        validator(issuer, late).validate(token)
    late.start()
    assert late.ready.wait(15)
    with pytest.raises(RevokedTokenError):
        validator(issuer, late).validate(token)
    late.stop()


def test_a_stale_list_refuses_by_policy(issuer: Issuer) -> None:
    client = issuer.add_client("client_credentials")
    token = issuer.token(client, "client_credentials").json()["access_token"]
    codec = Codec(issuer.settings.require("schema_registry_url"))
    strict = DenyListFeed(issuer.settings, codec, policy=StalePolicy.strict(0.2))
    lenient = DenyListFeed(issuer.settings, codec, policy=StalePolicy.best_effort(60))
    for one in (strict, lenient):
        one.start()
        assert one.ready.wait(15)
        one.stop()
    time.sleep(0.5)
    with pytest.raises(NotReadyError, match="stale"):
        validator(issuer, strict).validate(token)
    assert validator(issuer, lenient).validate(token)
