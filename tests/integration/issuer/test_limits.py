"""Guessing is limited by name, by client and by address; waiting is answered with 429 and how long."""

from __future__ import annotations

import pytest

from producers.issuer.limits import Guesses, Limit
from producers.issuer.settings import IssuerSettings
from tests.integration.issuer import conftest
from tests.integration.issuer.conftest import Issuer, Tail


@pytest.fixture
def own() -> IssuerSettings:
    return conftest.cheap_settings(login_failures=3, address_failures=8)


def test_a_name_that_was_guessed_at_waits(issuer: Issuer, tail: Tail) -> None:
    """NIST SP 800-63B section 5.2.2; OWASP ASVS 6.3.1."""
    client = issuer.add_client("password")
    person = issuer.add_person("alice")
    issuer.add_person("bob")
    for _ in range(3):
        assert issuer.login(client, "alice", "no").status_code == 400
    for password in ("no", conftest.PASSWORD):
        answer = issuer.login(client, "ALICE", password)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 600
    assert tail.wait("LoginAttempted", 2, subject=person.subject, failure_reason="rate_limited")
    assert issuer.login(client, "bob").status_code == 200


def test_a_client_is_not_locked_out_by_others(issuer: Issuer) -> None:
    client = issuer.add_client("client_credentials")

    def grant(secret: str, ip: str) -> int:
        headers = {"x-forwarded-for": ip}
        form = {"grant_type": "client_credentials"}
        return issuer.http.post("/token", data=form, auth=(client[0], secret), headers=headers).status_code

    assert [grant("no", "203.0.113.7") for _ in range(4)] == [401, 401, 401, 429]
    assert grant(client[1], "198.51.100.1") == 200


def test_an_address_that_tries_many_names_waits(issuer: Issuer) -> None:
    client = issuer.add_client("password")
    codes = [issuer.login(client, f"name{n}", "no").status_code for n in range(10)]
    assert codes == [400] * 8 + [429] * 2


def test_windows_slide_and_memory_is_bounded() -> None:
    now = [0.0]
    guesses = Guesses(Limit(2, 10), max_keys=3, clock=lambda: now[0])
    guesses.failed("a")
    now[0] = 6
    guesses.failed("a")
    assert guesses.wait("a") == 4
    now[0] = 11
    assert guesses.wait("a") == 0
    for key in "bcde":
        guesses.failed(key)
    assert len(guesses._failed) == 3
