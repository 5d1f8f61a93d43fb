"""Clients and audiences, read from Postgres and remembered for a few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from psycopg import Connection
from psycopg_pool import ConnectionPool

from tokentrail.tokens.keys import EncryptionKey, audience_key

REMEMBER_SECONDS = 5.0
"""A client disabled by another process is refused here after at most this long."""

Pool = ConnectionPool[Connection[tuple[Any, ...]]]


@dataclass(frozen=True)
class Client:
    """What a client may do, as its row says."""

    client_id: str
    secret_hash: bytes | None
    jwks: Mapping[str, Any] | None
    grants: frozenset[str]
    audiences: tuple[str, ...]
    scope: frozenset[str]
    redirect_uris: tuple[str, ...]
    may_introspect: str
    may_revoke: bool
    require_dpop: bool

    @property
    def public(self) -> bool:
        """Whether it has no credentials (RFC 6749 section 2.1)."""
        return self.secret_hash is None and self.jwks is None


@dataclass(frozen=True)
class Audience:
    """A resource server: its key, and how long tokens for it live, in seconds."""

    name: str
    key: EncryptionKey
    lifetime: int


T = TypeVar("T")


class Remembered(Generic[T]):
    """A look-up whose answers, found ones only, are kept for a few seconds."""

    def __init__(self, load: Callable[[str], T | None], seconds: float = REMEMBER_SECONDS) -> None:
        self._load, self._seconds = load, seconds
        self._known: dict[str, tuple[float, T]] = {}

    def peek(self, name: str) -> T | None:
        """The answer if it is remembered: never waits."""
        entry = self._known.get(name)
        return entry[1] if entry is not None and entry[0] > time.monotonic() else None

    def get(self, name: str) -> T | None:
        """The answer, from the database if need be."""
        known = self.peek(name)
        if known is not None:
            return known
        if "\x00" in name:  # Postgres takes no NUL in a text, so nothing has such a name
            return None
        found = self._load(name)
        if found is None:
            self._known.pop(name, None)
        else:
            self._known[name] = (time.monotonic() + self._seconds, found)
        return found


class Directory:
    """All clients and audiences of the issuer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parsed: dict[str, EncryptionKey] = {}
        self.clients = Remembered(self._client)
        self.audiences = Remembered(self._audience)

    def is_public(self, client_id: str) -> bool:
        """Whether a client has no credentials."""
        client = self.clients.get(client_id)
        return client is not None and client.public

    def _client(self, client_id: str) -> Client | None:
        with self._pool.connection() as conn:
            row = conn.execute(
                """select client_id, secret_hash, jwks, grants, audiences, scope, redirect_uris,
                          may_introspect, may_revoke, require_dpop
                from issuer.client where client_id = %s and disabled_at is null""",
                (client_id,),
            ).fetchone()
        if row is None:
            return None
        name, secret, jwks, grants, audiences, scope, redirects, *may = row
        return Client(name, secret, jwks, frozenset(grants), tuple(audiences), frozenset(scope), tuple(redirects), *may)

    def _audience(self, name: str) -> Audience | None:
        with self._pool.connection() as conn:
            row = conn.execute(
                """select name, public_key, encryption_alg, lifetime
                from issuer.audience where name = %s and disabled_at is null""",
                (name,),
            ).fetchone()
        if row is None:
            return None
        name, pem, alg, lifetime = row
        # Parsing a PEM takes as long as a hundred signatures, so it is done once for each key.
        key = self._parsed.get(pem + alg)
        if key is None:
            key = self._parsed[pem + alg] = audience_key(pem, f"the key of audience {name}", alg)
        return Audience(name, key, lifetime)
