"""The authorization code grant with PKCE, as a browser and a client go through it."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterator
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.integration.issuer.conftest import PASSWORD, Issuer, Tail

BACK = "http://127.0.0.1:9/callback"


class Browser:
    """Opens the login page, fills it in, follows where it leads."""

    def __init__(self, issuer: Issuer, client_id: str) -> None:
        self.issuer, self.client_id = issuer, client_id
        self.http = httpx.Client(base_url=issuer.url, timeout=20)
        self.verifier = secrets.token_urlsafe(32)
        digest = sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def open(self, **over: str | None) -> httpx.Response:
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": BACK,
            "state": "st<ate>&",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        } | over
        return self.http.get("/authorize", params={k: v for k, v in query.items() if v is not None})

    def submit(self, page: httpx.Response, **form: str) -> httpx.Response:
        packed = re.search(r'name="request" value="([^"]+)"', page.text)
        assert packed, page.text
        return self.http.post("/authorize", data={"request": packed[1], **form})

    def code(self, name: str, **over: str) -> str:
        answer = self.submit(self.open(**over), username=name, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert query["iss"] == [self.issuer.url]  # RFC 9207 section 2
        assert query["state"] == ["st<ate>&"]
        return query["code"][0]

    def exchange(self, client: tuple[str, str], code: str, **over: str) -> httpx.Response:
        form = {"code": code, "redirect_uri": BACK, "code_verifier": self.verifier} | over
        return self.issuer.token(client, "authorization_code", **form)


@pytest.fixture
def client(issuer: Issuer) -> tuple[str, str]:
    issuer.add_person("alice")
    return issuer.add_client("authorization_code", "refresh_token", redirect_uris=(BACK,))


@pytest.fixture
def browser(issuer: Issuer, client: tuple[str, str]) -> Iterator[Browser]:
    made = Browser(issuer, client[0])
    yield made
    made.http.close()


def test_a_person_logs_in(issuer: Issuer, client: tuple[str, str], browser: Browser, tail: Tail) -> None:
    """RFC 6749 section 4.1 and RFC 7636."""
    body = browser.exchange(client, browser.code("alice")).json()
    assert issuer.introspect(client, body["access_token"])["active"]
    assert issuer.token(client, "refresh_token", refresh_token=body["refresh_token"]).status_code == 200
    issued = tail.wait("TokenIssued", grant="authorization_code")[0]
    login = tail.wait("LoginAttempted", success=True)[0]
    assert login["session_id"] == issued["session_id"]


def test_the_page_is_safe(browser: Browser) -> None:
    """RFC 9700 section 4.16:

    not framed, not cached, no referrer, no scripts; the cookie is out of their reach.
    """
    page = browser.open()
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    cookie = page.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "<script" not in page.text


def test_wrong_passwords_look_alike(browser: Browser, tail: Tail) -> None:
    page = browser.open()
    known = browser.submit(page, username="alice", password="no")
    unknown = browser.submit(page, username="nobody", password="no")
    assert known.status_code == unknown.status_code == 400
    strip = re.compile(r'nonce="[^"]*"|value="[^"]*"')
    assert strip.sub("", known.text) == strip.sub("", unknown.text)
    assert tail.wait("LoginAttempted", failure_reason="unknown_name")


def test_a_form_of_another_browser_is_refused(issuer: Issuer, browser: Browser) -> None:
    """Login cross-site request forgery: the form is bound to the cookie (RFC 9700 section 4.7)."""
    page = browser.open()
    other = Browser(issuer, browser.client_id)
    with other.http:
        assert other.submit(page, username="alice", password=PASSWORD).status_code == 400
    changed = page.text.replace('name="request" value="', 'name="request" value="A')
    assert browser.submit(httpx.Response(200, text=changed), username="alice", password=PASSWORD).status_code == 400


@pytest.mark.parametrize(
    ("over", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"resource": "elsewhere"}, "invalid_target"),
    ],
)
def test_errors_go_to_the_client(browser: Browser, over: dict[str, str | None], error: str) -> None:
    """RFC 6749 section 4.1.2.1; PKCE cannot be left out (RFC 9700 section 2.1.1)."""
    answer = browser.open(**over)
    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == [error]


@pytest.mark.parametrize("over", [{"client_id": "c_nobody"}, {"redirect_uri": BACK + "/x"}, {"redirect_uri": None}])
def test_an_unknown_redirect_is_not_followed(browser: Browser, over: dict[str, str | None]) -> None:
    """RFC 9700 section 4.1.3: redirect URIs are compared exactly, and errors stay here."""
    answer = browser.open(**over)
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_code_is_bound(issuer: Issuer, client: tuple[str, str], browser: Browser) -> None:
    """RFC 7636 section 4.6, RFC 6749 section 4.1.3: verifier, redirect URI and client must fit."""
    other = issuer.add_client("authorization_code", redirect_uris=(BACK,))
    assert browser.exchange(other, browser.code("alice")).json()["error"] == "invalid_grant"
    for over in ({"code_verifier": "x" * 43}, {"code_verifier": ""}, {"redirect_uri": BACK + "/x"}):
        assert browser.exchange(client, browser.code("alice"), **over).json()["error"] == "invalid_grant"


def test_a_code_used_twice_kills_what_it_gave(
    issuer: Issuer, client: tuple[str, str], browser: Browser, tail: Tail
) -> None:
    """RFC 6749 section 4.1.2."""
    code = browser.code("alice")
    first = browser.exchange(client, code).json()
    assert browser.exchange(client, code).status_code == 400
    assert issuer.introspect(client, first["access_token"]) == {"active": False}
    assert issuer.token(client, "refresh_token", refresh_token=first["refresh_token"]).status_code == 400
    assert tail.wait("TokenRevoked", revoked_by="reuse", target="session")
