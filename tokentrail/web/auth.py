"""Who may look: whoever shows the token, or, where none is set, a browser on this machine."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request

from tokentrail.web.settings import WebSettings

COOKIE = "tokentrail_session"
MAX_SESSIONS = 10_000
LOGINS_A_MINUTE = 20
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class NotAllowed(Exception):
    """Nobody we know; `login` is whether logging in would help."""

    def __init__(self, message: str, *, login: bool) -> None:
        super().__init__(message)
        self.login = login


class BadForm(Exception):
    """A form that was not made by one of our pages."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: the name goes on record. `csrf` must come back with each form; None needs none (bearer)."""

    name: str
    csrf: str | None


@dataclass(frozen=True, slots=True)
class _Session:
    name: str
    ends: float


class Auth:
    """Sessions live in memory: a restart logs everybody out. Safe to call from several threads."""

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self._token = settings.web_token.get_secret_value() if settings.web_token else None
        self._secret = secrets.token_bytes(32)
        self._sessions: dict[bytes, _Session] = {}
        self._attempts: list[float] = []
        self._turn = threading.Lock()

    @property
    def has_login(self) -> bool:
        """Whether there is a token to log in with."""
        return self._token is not None

    def viewer(self, request: Request) -> Viewer:
        """Who sent the request. Raises NotAllowed."""
        if self._token is None:
            if not is_local(request):
                raise NotAllowed("only this machine may look: set TOKENTRAIL_WEB_TOKEN to let others in", login=False)
            return Viewer("web on this machine", self._csrf(b"local"))
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if not _same(shown.strip(), self._token):
                raise NotAllowed("the bearer token is not the one of TOKENTRAIL_WEB_TOKEN", login=False)
            return Viewer("web with the token", None)
        id_ = request.cookies.get(COOKIE, "").encode()
        with self._turn:
            session = self._sessions.get(hashlib.sha256(id_).digest())
        if session is None or session.ends < time.monotonic():
            raise NotAllowed("log in first", login=True)
        return Viewer(session.name, self._csrf(id_))

    def check_form(self, request: Request, viewer: Viewer, csrf: str) -> None:
        """A form must come from our own page: same site, and with the viewer's own secret. Raises BadForm."""
        self.check_site(request)
        if viewer.csrf is not None and not _same(csrf, viewer.csrf):
            raise BadForm("this form is not current: load the page again")

    def check_site(self, request: Request) -> None:
        """What the browser says of where the form was. Raises BadForm."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise BadForm("forms of other sites are not taken")
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise BadForm("forms of other sites are not taken")

    def login(self, shown: str, name: str) -> str | None:
        """A new session's cookie, None for a wrong token. Raises NotAllowed after too many attempts."""
        now = time.monotonic()
        with self._turn:
            self._attempts = [at for at in self._attempts if at > now - 60]
            if len(self._attempts) >= LOGINS_A_MINUTE:
                raise NotAllowed("too many attempts: wait a minute", login=False)
            if self._token is None or not _same(shown, self._token):
                self._attempts.append(now)
                return None
            self._sessions = {id_: s for id_, s in self._sessions.items() if s.ends > now}
            if len(self._sessions) >= MAX_SESSIONS:
                raise NotAllowed("too many sessions", login=False)
            id_ = secrets.token_urlsafe(32)
            ends = now + self._settings.web_session_seconds
            self._sessions[hashlib.sha256(id_.encode()).digest()] = _Session(name, ends)
            return id_

    def logout(self, request: Request) -> None:
        """End the request's session."""
        with self._turn:
            self._sessions.pop(hashlib.sha256(request.cookies.get(COOKIE, "").encode()).digest(), None)

    def _csrf(self, session: bytes) -> str:
        return hmac.digest(self._secret, session, "sha256").hex()


def is_local(request: Request) -> bool:
    """A peer on loopback that asked for a loopback name (no page of another name may: DNS rebinding), unproxied."""
    try:
        peer = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    proxied = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "via"))
    return peer.is_loopback and host in LOCAL_NAMES and not proxied


def _same(shown: str, wanted: str) -> bool:
    return hmac.compare_digest(shown.encode(), wanted.encode())
